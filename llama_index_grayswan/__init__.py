"""Gray Swan's Cygnet for LlamaIndex."""

from __future__ import annotations

from typing import TYPE_CHECKING

try:
    import llama_index.core  # noqa: F401 - only to say which extra brings it
except ImportError as error:
    raise ImportError(
        "llama_index_grayswan needs LlamaIndex. Install it with:"
        " pip install llama-index-llms-grayswan"
    ) from error

from wrapt import when_imported

from grayswan_core._package import lazy_attributes
from llama_index_grayswan.llm import GraySwan
from llama_index_grayswan.messages import data_message

if TYPE_CHECKING:
    from types import ModuleType

    from llama_index_grayswan.audit import audit_untrusted
    from llama_index_grayswan.fallback import untrusted_fallback
    from llama_index_grayswan.guard.nodes import CygnalNodePostprocessor
    from llama_index_grayswan.guard.protecting import protect
    from llama_index_grayswan.guard.tools import guard_tools
    from llama_index_grayswan.security import secure
    from llama_index_grayswan.tool_marking import untrusted_tool, untrusted_tools
    from llama_index_grayswan.untrusted import (
        UntrustedNodePostprocessor,
        mark_nodes,
        mark_untrusted,
        strip_marks,
    )
else:  # engines and agents take far longer to import than all the rest
    __getattr__ = lazy_attributes(
        __name__,
        {
            "CygnalNodePostprocessor": "guard.nodes",
            "UntrustedNodePostprocessor": "untrusted",
            "guard_tools": "guard.tools",
            "audit_untrusted": "audit",
            "mark_untrusted": "untrusted",
            "mark_nodes": "untrusted",
            "protect": "guard.protecting",
            "strip_marks": "untrusted",
            "secure": "security",
            "untrusted_fallback": "fallback",
            "untrusted_tool": "tool_marking",
            "untrusted_tools": "tool_marking",
        },
    )

__all__ = [
    "CygnalNodePostprocessor",
    "GraySwan",
    "UntrustedNodePostprocessor",
    "audit_untrusted",
    "data_message",
    "guard_tools",
    "mark_nodes",
    "mark_untrusted",
    "protect",
    "secure",
    "strip_marks",
    "untrusted_fallback",
    "untrusted_tool",
    "untrusted_tools",
]


def __dir__() -> list[str]:
    return __all__


@when_imported("llama_index.core.llms.loading")  # it imports OpenAI's package where there is one
def _register(loading: ModuleType) -> None:
    """Let LlamaIndex's `load_llm` know a model that was written down by its class name."""
    loading.RECOGNIZED_LLMS[GraySwan.class_name()] = GraySwan
