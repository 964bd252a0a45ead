"""Retrieved documents, judged before a prompt is made of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForChainRun, CallbackManagerForChainRun
from langchain_core.callbacks.base import BaseCallbackManager
from langchain_core.documents import Document
from langchain_core.runnables import RunnableConfig, RunnableSerializable
from pydantic import ConfigDict

from grayswan_core import CygnalGuard, Judgement
from grayswan_core.cygnal.check import Check
from grayswan_core.cygnal.sifting import REMOVED_DOCUMENT, OnFlagged, sift
from grayswan_core.cygnal.window import monitor_messages
from langchain_grayswan.errors import CygnalViolationError
from langchain_grayswan.guard.checks import arun_checks, run_checks
from langchain_grayswan.guard.refusing import REPORT

__all__ = ["GuardDocuments"]


class GuardDocuments(RunnableSerializable[Iterable[Document], list[Document]]):
    """A step of a chain that judges retrieved documents, one by one.

    ```python
    chain = {"context": retriever | GuardDocuments(guard=guard), "question": ...} | prompt | model
    ```

    Args:
        guard: Who judges.
        on_violation: What becomes of a flagged document: `drop` leaves it out, `mark` puts a
            placeholder in its place, with the judgement in its metadata, `raise` is a
            `CygnalViolationError`.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    guard: CygnalGuard
    on_violation: OnFlagged = "drop"

    def invoke(
        self,
        input: Iterable[Document],  # noqa: A002 - LangChain's name for it
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> list[Document]:
        """The documents that are not flagged."""
        return self._call_with_config(self._judged, input, config, **kwargs)

    async def ainvoke(
        self,
        input: Iterable[Document],  # noqa: A002 - LangChain's name for it
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> list[Document]:
        """`invoke`, async; all documents are judged at once."""
        return await self._acall_with_config(self._ajudged, input, config, **kwargs)

    def _judged(
        self, found: Iterable[Document], run_manager: CallbackManagerForChainRun
    ) -> list[Document]:
        documents = list(found)
        manager: BaseCallbackManager = run_manager.get_child()
        judgements = run_checks(self.guard, [_check(each) for each in documents], manager)
        return self._kept(documents, judgements)

    async def _ajudged(
        self, found: Iterable[Document], run_manager: AsyncCallbackManagerForChainRun
    ) -> list[Document]:
        documents = list(found)
        manager: BaseCallbackManager = run_manager.get_child()
        judgements = await arun_checks(self.guard, [_check(each) for each in documents], manager)
        return self._kept(documents, judgements)

    def _kept(self, documents: list[Document], judgements: list[Judgement]) -> list[Document]:
        return sift(
            documents,
            judgements,
            self.on_violation,
            placeholder=lambda document, report: Document(
                page_content=REMOVED_DOCUMENT, metadata={REPORT: report}, id=document.id
            ),
            error=lambda why, report: CygnalViolationError(
                f"Cygnal blocked a retrieved document ({why}).", report=report
            ),
        )


def _check(document: Document) -> Check:
    # Prompts show metadata too, such as a title that somebody wrote, or a list of authors.
    values = document.metadata.values()
    said = [str(value) for value in values if value and not isinstance(value, (int, float))]
    return Check(
        monitor_messages("data", "\n".join([document.page_content, *said])), ("retrieval",)
    )
