"""`ChatGraySwan`: the fields, and the hooks that LangChain calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from dataclasses import asdict
from typing import Any, Literal, TypeAlias, TypeVar, get_args, overload

from langchain_core.callbacks import (
    AsyncCallbackManagerForLLMRun,
    CallbackManagerForLLMRun,
)
from langchain_core.language_models import BaseChatModel, LanguageModelInput, ModelProfile
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.utils import count_tokens_approximately
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.prompt_values import PromptValue
from langchain_core.runnables import Runnable
from pydantic import BaseModel, ConfigDict, Field, model_validator
from typing_extensions import Self

from grayswan_core import (
    CompletionCall,
    ConfigurationError,
    Limits,
    ModelSettings,
    Timeout,
    acomplete,
    astream,
    complete,
    stream,
)
from grayswan_core._package import DISTRIBUTION, installed_version
from grayswan_core.decoding.stop import normalize_stop
from grayswan_core.request.build import SAMPLING_FIELDS
from grayswan_core.request.tool_choice import resolve_tool_choice
from grayswan_core.signature import with_signature
from langchain_grayswan.errors import langchain_errors
from langchain_grayswan.events import IS_SPOKEN, EventReader
from langchain_grayswan.messages import turns_from_messages, with_data_messages
from langchain_grayswan.profile import profile
from langchain_grayswan.raw_output import RawOutput
from langchain_grayswan.refusals import PROVIDER
from langchain_grayswan.responses import ChunkReader, combined_outputs, result_from_response
from langchain_grayswan.structured import output_parser
from langchain_grayswan.tools import ToolLike, wire_tool, wire_tools

__all__ = ["ChatGraySwan"]

StructuredOutputMethod: TypeAlias = Literal["function_calling", "json_schema", "json_mode"]

_Model = TypeVar("_Model", bound=BaseModel)


class ChatGraySwan(ModelSettings, BaseChatModel):
    """Gray Swan's Cygnet as a LangChain chat model.

    ```python
    from langchain_grayswan import ChatGraySwan, DataMessage

    model = ChatGraySwan(temperature=0)  # the key comes from GRAYSWAN_API_KEY
    model.invoke([("human", "What does the page say?"), DataMessage(page)])
    ```

    The settings are those of `grayswan_core.ModelSettings`; a misspelt one is an error. Calls
    take `stop`, and any of `model`, `max_tokens`, `temperature`, `top_p`, `frequency_penalty`,
    `n`, `moderate_before`, `tools` and `tool_choice` as keyword arguments, which take precedence.

    Raises:
        ConfigurationError: there is no key, an address or timeout cannot work, or several
            responses are to be streamed.
    """

    model_config = ConfigDict(
        extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True
    )

    streaming: bool = Field(
        default=False, description="Whether `invoke` streams under the hood, for token callbacks."
    )

    @model_validator(mode="after")
    def _set_grayswan_version(self) -> Self:
        if (installed := installed_version()) is not None:
            self._add_version(DISTRIBUTION, installed)
        return self

    @model_validator(mode="after")
    def _refuse_several_streams(self) -> Self:
        if self.streaming and (self.n or 1) > 1 and self.disable_streaming is not True:
            raise ConfigurationError(
                f"streaming=True cannot be combined with n={self.n}: a stream holds one response."
                " Leave streaming out, or pass n=1."
            )
        return self

    @property
    def _llm_type(self) -> str:
        return "grayswan-chat"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        named = (*SAMPLING_FIELDS, "stop", "tool_result_role", "base_url")
        settings = {name: getattr(self, name) for name in named}
        return {name: value for name, value in settings.items() if value is not None}

    @property
    def lc_secrets(self) -> dict[str, str]:
        """Where LangChain's deserialization reads the key."""
        return {"api_key": "GRAYSWAN_API_KEY"}

    @property
    def lc_attributes(self) -> dict[str, Any]:
        """The settings that have another form in JSON."""
        given = {"timeout": self.timeout, "limits": self.limits}
        return {
            name: asdict(value)
            for name, value in given.items()
            if isinstance(value, (Timeout, Limits))
        }

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """LangChain may serialize the model, without its key."""
        return True

    # LangChain caches the model's serialized form, for traces and cache keys, and would use it for
    # a copy with other settings, too. So the cache is cleared whenever a setting may have changed.

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        self.__dict__.pop("_serialized", None)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy, with some settings changed."""
        copy = super().model_copy(update=update, deep=deep)
        copy.__dict__.pop("_serialized", None)
        return copy

    def _get_llm_string(self, stop: list[str] | None = None, **kwargs: Any) -> str:
        self.__dict__.pop("_serialized", None)  # a list among the settings may have grown
        return super()._get_llm_string(stop=stop, **kwargs)

    def _convert_input(self, model_input: LanguageModelInput) -> PromptValue:
        return super()._convert_input(with_data_messages(model_input))

    # Where only a callback handler asks for a stream, as LangGraph's `stream_mode="messages"` does,
    # several responses are got whole.

    def _should_stream(self, **kwargs: Any) -> bool:
        return super()._should_stream(**kwargs) and self._may_stream(kwargs)

    def _should_use_protocol_streaming(self, **kwargs: Any) -> bool:
        return super()._should_use_protocol_streaming(**kwargs) and self._may_stream(kwargs)

    def _may_stream(self, arguments: Mapping[str, Any]) -> bool:
        return bool(arguments.get("stream")) or (arguments.get("n") or self.n or 1) == 1

    def _resolve_model_profile(self) -> ModelProfile:
        return profile()

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=list(normalize_stop(stop or self.stop)), **kwargs)
        params["ls_provider"] = PROVIDER
        return params

    def get_num_tokens(self, text: str) -> int:
        """Estimate how many tokens a text has, at four characters each. No tokenizer is public."""
        return -(-len(text) // 4)

    def get_num_tokens_from_messages(
        self, messages: list[BaseMessage], tools: Sequence[ToolLike] | None = None
    ) -> int:
        """Estimate how many tokens messages and tools have, at four characters each."""
        return count_tokens_approximately(messages, tools=[*wire_tools(tools or ())])

    def bind_tools(
        self,
        tools: Sequence[ToolLike],
        *,
        tool_choice: dict[str, Any] | str | bool | None = None,
        strict: bool | None = None,
        parallel_tool_calls: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Offer tools to the model.

        Args:
            tools: Functions, pydantic classes, TypedDicts, `BaseTool`s, runnables, or dicts in
                OpenAI's or Anthropic's form.
            tool_choice: `"auto"`, `"none"`, a tool's name, or a dict with one of these in
                OpenAI's, Anthropic's, Bedrock's or Google's form. `"any"`, `"required"` and `True`
                require a call of some tool: the API has no such choice, so a response without a
                call that can be read is requested again, twice at most.
            strict: Accepted for compatibility, and without effect: the API does not constrain
                arguments.
            parallel_tool_calls: Whether a response may hold several calls. If False, the first of
                a tool on offer is kept.
            **kwargs: Further arguments of each call, such as `temperature`.

        Raises:
            InvalidRequestError: a tool cannot be described, or the API has no such choice.
        """
        with langchain_errors():
            offered = wire_tools(tools)
            resolve_tool_choice(tool_choice, [tool["function"]["name"] for tool in offered])
        given = {"tool_choice": tool_choice, "parallel_tool_calls": parallel_tool_calls}
        arguments = {name: value for name, value in given.items() if value is not None}
        return self.bind(tools=offered, **arguments, **kwargs)

    @overload
    def with_structured_output(
        self,
        schema: type[_Model],
        *,
        include_raw: Literal[False] = False,
        method: StructuredOutputMethod = "function_calling",
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, _Model]: ...

    @overload
    def with_structured_output(
        self,
        schema: dict[str, Any] | type,
        *,
        include_raw: bool = False,
        method: StructuredOutputMethod = "function_calling",
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, dict[str, Any]]: ...

    def with_structured_output(
        self,
        schema: dict[str, Any] | type,
        *,
        include_raw: bool = False,
        method: StructuredOutputMethod = "function_calling",
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """Make the model's responses instances of a schema.

        The schema is offered as the one tool and the model is made to call it; the output is the
        call's arguments. A stream gives the output as far as it has come.

        Args:
            schema: A pydantic class (v1 or v2), whose instances come out, checked; or a
                TypedDict, JSON Schema with a title or tool, for dicts, not checked.
            include_raw: Whether to get a dict of `raw` (the message), `parsed` and `parsing_error`
                instead. Then no output is no error: it is in `parsing_error`.
            method: Accepted for compatibility. The API has neither a JSON mode nor a schema mode,
                so a tool is called in each case.
            strict: As `method`: the API does not constrain arguments, pydantic classes are checked
                here.
            **kwargs: None.

        Raises:
            ValueError: the method is unknown, or there are further arguments.
            ModelRefusalError: on a call, when the model refuses (langchain-core 1.7.5 and newer;
                with older ones an `OutputParserException` that says so).
            OutputParserException: on a call, when the response was cut or calls no tool.
            ValidationError: on a call, when the output is not what the pydantic class takes.
        """
        if kwargs:
            raise ValueError(f"with_structured_output takes no {', '.join(kwargs)}.")
        if method not in get_args(StructuredOutputMethod):
            known = ", ".join(get_args(StructuredOutputMethod))
            raise ValueError(f"method is one of {known}, not {method!r}.")
        with langchain_errors():
            name = wire_tool(schema)["function"]["name"]
        shown = {"kwargs": {"method": "function_calling"}, "schema": schema}  # in traces
        model = self.bind_tools([schema], tool_choice=name, ls_structured_output_format=shown)
        parser = output_parser(schema, name)
        return RawOutput(model=model, parser=parser) if include_raw else model | parser

    def _combine_llm_outputs(self, llm_outputs: list[dict[str, Any] | None]) -> dict[str, Any]:
        return combined_outputs(llm_outputs)

    @with_signature
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        with langchain_errors():
            call = self._asked(messages, stop, kwargs)
            return result_from_response(complete(self.client, call))

    @with_signature
    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        with langchain_errors():
            call = await self._aasked(messages, stop, kwargs)
            return result_from_response(await acomplete(self.client, call))

    # `stream()` calls the token callbacks itself and passes no run manager; the bridge of
    # `stream_events(version="v3")` passes one, leaves them to us, and does not add chunks up.

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        reader = ChunkReader(corrects_calls=run_manager is not None)
        with langchain_errors():
            what = self._asked(messages, stop, kwargs, stream=True)
            with closing(stream(self.client, what)) as chunks:
                for chunk in chunks:
                    generation = reader.read(chunk)
                    if generation is None:
                        continue
                    if run_manager is not None:
                        run_manager.on_llm_new_token(generation.text, chunk=generation)
                    yield generation
        last = reader.end()
        if run_manager is not None:
            run_manager.on_llm_new_token(last.text, chunk=last)
        yield last

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        reader = ChunkReader(corrects_calls=run_manager is not None)
        with langchain_errors():
            what = await self._aasked(messages, stop, kwargs, stream=True)
            async with aclosing(astream(self.client, what)) as chunks:
                async for chunk in chunks:
                    generation = reader.read(chunk)
                    if generation is None:
                        continue
                    if run_manager is not None:
                        await run_manager.on_llm_new_token(generation.text, chunk=generation)
                    yield generation
        last = reader.end()
        if run_manager is not None:
            await run_manager.on_llm_new_token(last.text, chunk=last)
        yield last

    # What `stream_events(version="v3")` and LangGraph's `version="v3"` use, where they find it.

    def _stream_chat_model_events(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        *,
        run_manager: CallbackManagerForLLMRun,
        **kwargs: Any,
    ) -> Iterator[Any]:
        reader = EventReader(run_manager)
        with langchain_errors():
            what = self._asked(messages, stop, kwargs, stream=True)
            with closing(stream(self.client, what)) as chunks:
                for chunk in chunks:
                    content, calls = reader.take(chunk)
                    if run_manager.handlers and (said := reader.generation(content, calls)):
                        run_manager.on_llm_new_token(content, chunk=said)
                    if content or calls:
                        yield from reader.events(content, calls)
        if run_manager.handlers:
            last = reader.end()
            run_manager.on_llm_new_token(last.text, chunk=last)
        yield from reader.end_events()

    async def _astream_chat_model_events(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        *,
        run_manager: AsyncCallbackManagerForLLMRun,
        **kwargs: Any,
    ) -> AsyncIterator[Any]:
        reader = EventReader(run_manager)
        with langchain_errors():
            what = await self._aasked(messages, stop, kwargs, stream=True)
            async with aclosing(astream(self.client, what)) as chunks:
                async for chunk in chunks:
                    content, calls = reader.take(chunk)
                    if run_manager.handlers and (said := reader.generation(content, calls)):
                        await run_manager.on_llm_new_token(content, chunk=said)
                    if content or calls:
                        for event in reader.events(content, calls):
                            yield event
        if run_manager.handlers:
            last = reader.end()
            await run_manager.on_llm_new_token(last.text, chunk=last)
        for event in reader.end_events():
            yield event

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Keep events to chunks where a subclass has its own: they come from its `_stream`."""
        super().__pydantic_init_subclass__(**kwargs)
        for chunks in ("_stream", "_astream"):
            if chunks in cls.__dict__ and f"{chunks}_chat_model_events" not in cls.__dict__:
                setattr(cls, f"{chunks}_chat_model_events", None)

    def _asked(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        arguments: dict[str, Any],
        *,
        stream: bool = False,
    ) -> CompletionCall:
        given = _call_arguments(arguments, stop)
        return self._ask(turns_from_messages(messages), given, stream=stream)

    async def _aasked(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        arguments: dict[str, Any],
        *,
        stream: bool = False,
    ) -> CompletionCall:
        given = _call_arguments(arguments, stop)
        return await self._aask(turns_from_messages(messages), given, stream=stream)


if not IS_SPOKEN:
    for _hook in ("_stream_chat_model_events", "_astream_chat_model_events"):
        setattr(ChatGraySwan, _hook, None)


def _call_arguments(arguments: dict[str, Any], stop: list[str] | None) -> dict[str, Any]:
    # LangChain passes `stream=True` to its own hooks; which of them is called tells as much.
    given = {name: value for name, value in arguments.items() if name != "stream"}
    if given.get("tools"):
        given["tools"] = wire_tools(given["tools"])
    return {**given, "stop": stop}
