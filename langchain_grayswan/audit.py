"""Shows whether an application on any chat model of LangChain's leaks untrusted text.

LangChain's callbacks tell what retrievers and tools bring in, what models are sent and what they
write. A configure hook adds ours to every callback manager of the process, threads included.
Loaders have no callbacks, so their methods are watched.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.document_loaders import BaseLoader
from langchain_core.documents import Document
from langchain_core.messages import BaseMessage
from langchain_core.outputs import LLMResult
from langchain_core.tracers.context import register_configure_hook

from grayswan_core.audit.advice import Advisor
from grayswan_core.audit.nesting import Nested, Nesting
from grayswan_core.audit.overrides import watched
from grayswan_core.audit.records import Kind, Model, Sent
from grayswan_core.audit.registry import Registry
from grayswan_core.audit.watch import Audit
from grayswan_core.untrusted.finder import MAX_WORDS
from langchain_grayswan.audit_texts import (
    document_texts,
    documents_in,
    own_texts,
    result_texts,
    said_in,
    sent_messages,
    sent_tools,
    written_texts,
)

__all__ = ["attached", "audit_untrusted"]

_LOADS = ("load", "aload", "lazy_load", "alazy_load")
_UNKNOWN = "a chain"
_OUR_TYPE = "grayswan-chat"
_OUR_FALLBACKS = "Untrusted"  # inside the name where such a model is protected, too


def audit_untrusted(
    *, own: Iterable[str] = (), canaries: bool = False, max_words: int = MAX_WORDS
) -> Audit:
    """See whether text from outside reaches a chat model in a role that may instruct it.

    ```python
    with audit_untrusted() as audit:
        chain.invoke("What do swans eat?")
    print(audit.report())
    ```

    It works with every chat model of LangChain's, `async with` too, and sees the whole process
    while it is open. The application's own calls are made as always.

    Args:
        own: Texts of the program's own, such as its prompts, that are never findings. What a model
            was sent before a document was read need not be given.
        canaries: Whether a harmless, recognisable attack is added to what each retriever finds.
        max_words: How many words are kept to compare with, at about 110 bytes each.
    """
    return Audit([attached], own=own, canaries=canaries, max_words=max_words)


class _Handler(BaseCallbackHandler):
    """Hands on what the callbacks tell to every audit that is open."""

    run_inline = True  # what is retrieved has to be noted before a model is sent it

    def __init__(self) -> None:
        self._runs: Nesting[UUID] = Nesting()

    def on_chain_start(
        self,
        serialized: Any,
        inputs: Any,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **kwargs: Any,
    ) -> None:
        name = self._begin(serialized, run_id, parent_run_id, kwargs)

        def note(audit: Audit) -> None:
            _note_documents(audit, "document", name, documents_in(inputs))
            if parent_run_id is None:
                audit.note_conversation(said_in(inputs))
                _note_own(audit, inputs)

        _registry.tell(f"the input of {name}", note)

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **kwargs: Any) -> None:
        name = self._end(run_id)
        _registry.tell(
            f"the output of {name}",
            lambda audit: _note_documents(audit, "document", name, documents_in(outputs)),
        )

    def on_retriever_start(
        self,
        serialized: Any,
        query: Any,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **kwargs: Any,
    ) -> None:
        name = self._begin(serialized, run_id, parent_run_id, kwargs)
        _registry.tell(f"the query of {name}", lambda audit: audit.note_own(str(query)))

    def on_retriever_end(self, documents: Any, *, run_id: UUID, **kwargs: Any) -> None:
        name = self._end(run_id)

        def note(audit: Audit) -> None:
            _seed(audit, documents)
            _note_documents(audit, "retrieved document", name, documents_in(documents))

        _registry.tell(f"the documents of {name}", note)

    def on_tool_start(
        self,
        serialized: Any,
        input_str: Any,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **kwargs: Any,
    ) -> None:
        name = self._begin(serialized, run_id, parent_run_id, kwargs)
        if parent_run_id is None:
            given = kwargs.get("inputs") or input_str
            _registry.tell(f"the input of {name}", lambda audit: _note_own(audit, given))

    def on_tool_end(self, output: Any, *, run_id: UUID, **kwargs: Any) -> None:
        known = self._end(run_id)
        name = str(kwargs.get("name") or known)
        _registry.tell(
            f"the result of {name}", lambda audit: _note_result(audit, "tool result", name, output)
        )

    def on_tool_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        name = self._end(run_id)
        _registry.tell(
            f"the error of {name}",
            lambda audit: audit.note_source("tool error", name, [str(error)]),
        )

    def on_chat_model_start(
        self,
        serialized: Any,
        messages: list[list[BaseMessage]],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **kwargs: Any,
    ) -> None:
        self._begin(serialized, run_id, parent_run_id, kwargs)
        settings = kwargs.get("invocation_params") or {}
        model = _model(serialized, settings, kwargs)

        def note(audit: Audit) -> None:
            for each in messages:
                audit.note_conversation(said_in(each))
                sent = [*sent_messages(each), *sent_tools(settings)]
                audit.look_through(model, sent, self._runs.through(parent_run_id), _ADVISOR)

        _registry.tell(f"a call of {model.name}", note)

    def on_llm_start(
        self,
        serialized: Any,
        prompts: list[str],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **kwargs: Any,
    ) -> None:
        self._begin(serialized, run_id, parent_run_id, kwargs)
        model = _model(serialized, kwargs.get("invocation_params") or {}, kwargs)
        sent = [Sent("user", "the prompt", prompt) for prompt in prompts]
        through = self._runs.through(parent_run_id)
        _registry.tell(
            f"a call of {model.name}",
            lambda audit: audit.look_through(model, sent, through, _ADVISOR),
        )

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        name = self._end(run_id)

        def note(audit: Audit) -> None:
            for text in written_texts(response):
                audit.note_written(text)

        _registry.tell(f"the response of {name}", note)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        self._end(run_id)

    on_chain_error = on_retriever_error = on_llm_error

    def _begin(
        self, serialized: Any, run_id: UUID, parent: UUID | None, kwargs: dict[str, Any]
    ) -> str:
        name = str(kwargs.get("name") or _class_name(serialized) or _UNKNOWN)
        self._runs.begin(run_id, Nested(name, parent))
        return name

    def _end(self, run_id: UUID) -> str:
        run = self._runs.end(run_id)
        return _UNKNOWN if run is None else run.name


class _Hook:
    """What LangChain takes for a context variable: the handler, while an audit is open."""

    def get(self) -> _Handler | None:
        return _handler if _registry.audits else None


def _note_documents(audit: Audit, kind: Kind, name: str, found: Iterable[Document]) -> None:
    for document in found:
        audit.note_document(kind, _named(name, document), document_texts(document))


def _named(name: str, document: Document) -> str:
    label = document.id or document.metadata.get("source") or document.metadata.get("title")
    return f"{name}: {str(label)[:80]}" if label else name


def _note_result(audit: Audit, kind: Kind, name: str, output: Any) -> None:
    texts = list(result_texts(output))
    audit.note_source(kind, name, texts)
    if not texts and output is not None:
        audit.note_unseen(f"a result without text, of the tool {name}")


def _note_own(audit: Audit, given: Any) -> None:
    for text in own_texts(given):
        audit.note_own(text)


def _seed(audit: Audit, documents: Any) -> None:
    if audit.canary is not None and not isinstance(documents, list):
        audit.note_unseen("a retriever's documents that are no list, and got no canary")
    texts = (document.page_content for document in documents_in(documents))
    audit.seed(documents, texts, Document)


def _class_name(serialized: Any) -> str:
    """The class of a runnable, or the name of a tool."""
    known: dict[str, Any] = serialized or {}
    path: Sequence[str] = known.get("id") or ()
    return str(path[-1] if path else known.get("name") or "")


def _model(serialized: Any, settings: dict[str, Any], kwargs: dict[str, Any]) -> Model:
    name = _class_name(serialized) or str(kwargs.get("name") or "a model")
    ours = settings.get("_type") == _OUR_TYPE or _OUR_FALLBACKS in name
    return Model(name, takes_marks=ours)


_RETRIEVED = (
    "mark what fills the prompt with untrusted_variables(prompt, ...), or wrap the retriever in"
    " untrusted_retriever(...)"
)
_ADVISOR = Advisor(
    {
        "retrieved document": _RETRIEVED,
        "canary": _RETRIEVED,
        "document": "mark what fills the prompt with untrusted_variables(prompt, ...), or put"
        " mark_documents between the documents and the prompt",
        "loaded document": "mark what fills the prompt with untrusted_variables(prompt, ...), or"
        " wrap the loader in untrusted_loader(...)",
        "tool result": "wrap the tool in untrusted_tool(...)",
        "tool error": "wrap the tool in untrusted_tool(...)",
    },
    model="ChatGraySwan()",
    tool_result="send it as the result of a tool (ToolMessage)",
)


def _note_loaded(loader: Any, document: Any) -> None:
    name = type(loader).__name__
    _registry.tell(
        f"the documents of {name}",
        lambda audit: _note_documents(audit, "loaded document", name, documents_in(document)),
    )


_registry = Registry(lambda: watched(BaseLoader, _LOADS, _note_loaded))
_handler = _Handler()
attached = _registry.attached
register_configure_hook(cast("Any", _Hook()), inheritable=True)
