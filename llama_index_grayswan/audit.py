"""Shows whether an application on any LLM of LlamaIndex's leaks untrusted text.

LlamaIndex's spans tell what retrievers and tools bring in and what models are sent; events tell
what models wrote in a stream. Both handlers are at the root dispatcher, so they see the whole
process, threads included. Readers have no spans, so their methods are watched.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.base.llms.base import BaseLLM
from llama_index.core.base.llms.types import ChatResponse, CompletionResponse
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events.llm import LLMChatEndEvent, LLMCompletionEndEvent
from llama_index.core.instrumentation.span import BaseSpan
from llama_index.core.instrumentation.span_handlers import BaseSpanHandler
from llama_index.core.llms.structured_llm import StructuredLLM
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.readers.base import BaseReader
from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.core.tools import BaseTool, ToolOutput
from llama_index_instrumentation import root_dispatcher
from pydantic import PrivateAttr

from grayswan_core.audit.advice import Advisor
from grayswan_core.audit.nesting import Nested, Nesting
from grayswan_core.audit.overrides import watched
from grayswan_core.audit.records import Kind, Model
from grayswan_core.audit.registry import Registry
from grayswan_core.audit.watch import Audit
from grayswan_core.untrusted.finder import MAX_WORDS
from llama_index_grayswan.audit_texts import (
    SentTexts,
    node_texts,
    nodes_in,
    output_texts,
    own_texts,
    said_in,
    written_texts,
)
from llama_index_grayswan.fallback import TranslatesMarks
from llama_index_grayswan.llm import GraySwan

__all__ = ["attached", "audit_untrusted"]

_CALLS = {f"{first}{rest}" for first in ("", "a") for rest in ("chat", "complete")} | {
    f"{first}stream_{rest}" for first in ("", "a") for rest in ("chat", "complete")
}
_READS = (
    *("load_data", "aload_data", "lazy_load_data", "alazy_load_data"),
    *("load_resource", "aload_resource", "iter_data"),
)
_TAKE_MARKS = (GraySwan, TranslatesMarks)
_UUID_LENGTH = 37


def audit_untrusted(
    *, own: Iterable[str] = (), canaries: bool = False, max_words: int = MAX_WORDS
) -> Audit:
    """See whether text from outside reaches a model in a role that may instruct it.

    ```python
    with audit_untrusted() as audit:
        engine.query("What do swans eat?")
    print(audit.report())
    ```

    It works with every LLM of LlamaIndex's, `async with` too, and sees the whole process while it
    is open. The application's own calls are made as always.

    Args:
        own: Texts of the program's own, such as its prompts, that are never findings. What a model
            was sent before a document was read need not be given.
        canaries: Whether a harmless, recognisable attack is added to what each retriever finds.
        max_words: How many words are kept to compare with, at about 110 bytes each.
    """
    return Audit([attached], own=own, canaries=canaries, max_words=max_words)


class _SpanHandler(BaseSpanHandler[BaseSpan]):
    """Hands on what spans tell to every audit that is open."""

    _spans: Nesting[str] = PrivateAttr(default_factory=Nesting)

    def span_enter(
        self,
        id_: str,
        bound_args: inspect.BoundArguments,
        instance: Any | None = None,
        parent_id: str | None = None,
        tags: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        arguments = _arguments(bound_args, _method(id_))
        called = instance if isinstance(instance, BaseLLM) and _method(id_) in _CALLS else None
        parent = self._spans.get(parent_id)
        name = _label(id_, instance) if called is None else ""
        self._spans.begin(id_, Nested(name, parent_id, called))

        def note(audit: Audit) -> None:
            if called is None:
                _note_arguments(audit, instance, arguments, is_root=parent is None)
            elif not _is_repeated(called, parent):
                _look(audit, called, arguments, self._spans.through(parent_id))

        _registry.tell(f"the arguments of {id_[:-_UUID_LENGTH]}", note)

    def span_exit(
        self,
        id_: str,
        bound_args: inspect.BoundArguments,
        instance: Any | None = None,
        result: Any | None = None,
        **kwargs: Any,
    ) -> None:
        self._spans.end(id_)
        _registry.tell(
            f"the result of {id_[:-_UUID_LENGTH]}",
            lambda audit: _note_result(audit, instance, result),
        )

    def span_drop(
        self,
        id_: str,
        bound_args: inspect.BoundArguments,
        instance: Any | None = None,
        err: BaseException | None = None,
        **kwargs: Any,
    ) -> None:
        self._spans.end(id_)
        if isinstance(instance, BaseTool) and err is not None:
            _registry.tell(
                f"the error of {id_[:-_UUID_LENGTH]}",
                lambda audit: audit.note_source("tool error", _tool_name(instance), [str(err)]),
            )

    def new_span(self, *_: Any, **__: Any) -> None:
        """None: nothing is kept but names."""

    def prepare_to_exit_span(self, *_: Any, **__: Any) -> None:
        """None."""

    def prepare_to_drop_span(self, *_: Any, **__: Any) -> None:
        """None."""


class _EventHandler(BaseEventHandler):
    """Hands on what models wrote, at the end of streams too."""

    def handle(self, event: Any, **_: Any) -> None:
        if isinstance(event, (LLMChatEndEvent, LLMCompletionEndEvent)):
            response = event.response
            _registry.tell("a model's response", lambda audit: _note_written(audit, response))


def _look(audit: Audit, llm: BaseLLM, arguments: dict[str, Any], through: tuple[str, ...]) -> None:
    model = Model(type(llm).__name__, takes_marks=isinstance(llm, _TAKE_MARKS))
    sent = SentTexts(takes_marks=model.takes_marks)
    audit.note_conversation(said_in(arguments))
    audit.look_through(model, sent.of(arguments), through, _ADVISOR)


def _note_arguments(
    audit: Audit, instance: Any, arguments: dict[str, Any], *, is_root: bool
) -> None:
    if isinstance(instance, BaseRetriever):
        _note_nodes(audit, "document", type(instance).__name__, _shown_by(instance))
    if "nodes" in arguments:
        _note_nodes(audit, "document", type(instance).__name__, nodes_in(arguments["nodes"]))
    if is_root or isinstance(instance, BaseRetriever):
        audit.note_conversation(said_in(arguments))
        for text in own_texts(arguments):
            audit.note_own(text)


def _shown_by(retriever: BaseRetriever) -> Iterator[Any]:
    """The nodes that a retriever shows a model before it gives any."""
    index = getattr(retriever, "_index", None)
    if index is not None and isinstance(getattr(retriever, "_llm", None), BaseLLM):
        yield from nodes_in(list(index.docstore.docs.values()))


def _note_written(audit: Audit, response: Any) -> None:
    for text in written_texts(response):
        audit.note_written(text)


def _note_result(audit: Audit, instance: Any, result: Any) -> None:
    if isinstance(result, ToolOutput):
        _note_tool_output(audit, _tool_name(instance), result)
    elif isinstance(getattr(result, "tool_output", None), ToolOutput):  # a step of an agent
        _note_tool_output(audit, str(result.tool_name), result.tool_output)
    elif isinstance(instance, BaseRetriever):
        _seed(audit, result)
        _note_nodes(audit, "retrieved document", type(instance).__name__, nodes_in(result))
    elif isinstance(instance, BaseNodePostprocessor):
        _note_nodes(audit, "document", type(instance).__name__, nodes_in(result))
    elif isinstance(result, (ChatResponse, CompletionResponse)):
        _note_written(audit, result)


def _note_tool_output(audit: Audit, name: str, output: ToolOutput) -> None:
    texts = list(output_texts(output))
    audit.note_source("tool error" if output.is_error else "tool result", name, texts)
    if not texts and output.blocks:
        audit.note_unseen(f"a result without text, of the tool {name}")


def _note_nodes(audit: Audit, kind: Kind, name: str, nodes: Iterable[Any]) -> None:
    for node in nodes:
        texts = list(node_texts(node))
        label = node.metadata.get("file_name") or node.metadata.get("source") or node.node_id
        audit.note_document(kind, f"{name}: {str(label)[:80]}", texts)
        if not texts:
            audit.note_unseen(f"a node without text, of {name}")


def _seed(audit: Audit, result: Any) -> None:
    texts = (text for node in nodes_in(result) for text in node_texts(node))
    audit.seed(result, texts, lambda text: NodeWithScore(node=TextNode(text=text), score=1.0))


def _arguments(bound: inspect.BoundArguments, method: str) -> dict[str, Any]:
    """The arguments by name; LlamaIndex's decorators hide those of a call of a model."""
    given = {**bound.arguments, **bound.arguments.get("kwargs", {})}
    if method in _CALLS and (args := given.get("args")):
        given.setdefault("messages" if method.endswith("chat") else "prompt", args[0])
    return given


def _is_repeated(called: BaseLLM, parent: Nested[str] | None) -> bool:
    """Whether another span tells the same call: one within another, or the model of a model."""
    nested = parent is not None and parent.called is called
    return nested or isinstance(called, StructuredLLM)


def _method(id_: str) -> str:
    return id_[:-_UUID_LENGTH].rpartition(".")[2]


def _label(id_: str, instance: Any) -> str:
    return type(instance).__name__ if instance is not None else id_[:-_UUID_LENGTH]


def _tool_name(tool: Any) -> str:
    metadata = getattr(tool, "metadata", None)
    return str(getattr(metadata, "name", None) or type(tool).__name__)


_SECURE_ENGINE = "call secure(...) on the engine, or add UntrustedNodePostprocessor()"
_SECURE_AGENT = "call secure(...) on the agent, or untrusted_tool(...) on the tool"
_ADVISOR = Advisor(
    {
        "retrieved document": _SECURE_ENGINE,
        "canary": _SECURE_ENGINE,
        "document": "call secure(...) on the engine, or mark_nodes(...) on the nodes",
        "loaded document": "mark_untrusted(...) on the text before it goes into the prompt",
        "tool result": _SECURE_AGENT,
        "tool error": _SECURE_AGENT,
    },
    model="GraySwan()",
    tool_result="send it as the result of a tool",
)


@contextmanager
def _hooks() -> Iterator[None]:
    spans, events = _SpanHandler(), _EventHandler()
    root_dispatcher.add_span_handler(spans)
    root_dispatcher.add_event_handler(events)
    try:
        with watched(BaseReader, _READS, _note_loaded):
            yield
    finally:
        root_dispatcher.span_handlers = [
            each for each in root_dispatcher.span_handlers if each is not spans
        ]
        root_dispatcher.event_handlers = [
            each for each in root_dispatcher.event_handlers if each is not events
        ]


def _note_loaded(reader: Any, document: Any) -> None:
    name = type(reader).__name__
    _registry.tell(
        f"the documents of {name}",
        lambda audit: _note_nodes(audit, "loaded document", name, nodes_in(document)),
    )


_registry = Registry(_hooks)
attached = _registry.attached
