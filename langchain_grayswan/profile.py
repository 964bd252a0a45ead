"""Cygnet's capabilities, as a LangChain model profile."""

from __future__ import annotations

from langchain_core.language_models import ModelProfile

__all__ = ["profile"]


def profile() -> ModelProfile:
    """The profile of every Cygnet model.

    The sizes of the context window and of the longest response are not published, so they are
    absent: pass `profile={**ChatGraySwan().profile, "max_input_tokens": ...}` if you know yours.
    """
    return ModelProfile(
        text_inputs=True,
        image_inputs=False,
        image_url_inputs=False,
        pdf_inputs=False,
        audio_inputs=False,
        video_inputs=False,
        image_tool_message=False,
        pdf_tool_message=False,
        text_outputs=True,
        image_outputs=False,
        audio_outputs=False,
        video_outputs=False,
        reasoning_output=False,
        tool_calling=True,
        tool_choice=True,
        tool_call_streaming=True,
        # "Native" structured output: agents would send a `response_format`, which the API does
        # not have. Without it they call a tool.
        structured_output=False,
        attachment=False,
        temperature=True,
    )
