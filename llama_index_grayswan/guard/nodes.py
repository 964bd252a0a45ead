"""Retrieved nodes, judged before a prompt is made of them."""

from __future__ import annotations

from typing import Any

from llama_index.core.bridge.pydantic import Field
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import MetadataMode, NodeWithScore, QueryBundle, TextNode
from pydantic import ConfigDict

from grayswan_core import CygnalGuard, CygnalViolationError, Judgement
from grayswan_core.cygnal.check import Check
from grayswan_core.cygnal.sifting import REMOVED_DOCUMENT, OnFlagged, sift
from grayswan_core.cygnal.window import monitor_messages
from llama_index_grayswan.guard.events import arun_checks, run_checks
from llama_index_grayswan.guard.refusing import REPORT

__all__ = ["CygnalNodePostprocessor"]


class CygnalNodePostprocessor(BaseNodePostprocessor):
    """Judges the nodes of a retriever, one by one.

    ```python
    engine = index.as_query_engine(node_postprocessors=[CygnalNodePostprocessor(guard)])
    ```

    Args:
        guard: Who judges.
        on_violation: What becomes of a flagged node: `drop` leaves it out, `mark` puts a
            placeholder in its place, with the judgement in its metadata, `raise` is a
            `CygnalViolationError`.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    guard: CygnalGuard = Field(exclude=True)
    on_violation: OnFlagged = "drop"

    def __init__(self, guard: CygnalGuard, **kwargs: Any) -> None:
        super().__init__(guard=guard, **kwargs)  # type: ignore[call-arg]

    @classmethod
    def class_name(cls) -> str:
        """The name LlamaIndex's serialization knows the class by."""
        return "CygnalNodePostprocessor"

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        return self._kept(nodes, run_checks(list(map(_check, nodes)), self.guard))

    async def _apostprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        return self._kept(nodes, await arun_checks(list(map(_check, nodes)), self.guard))

    def _kept(self, nodes: list[NodeWithScore], judgements: list[Judgement]) -> list[NodeWithScore]:
        return sift(
            nodes,
            judgements,
            self.on_violation,
            placeholder=_placeholder,
            error=lambda why, report: CygnalViolationError(
                f"Cygnal blocked a retrieved node ({why}).", report=report
            ),
        )


def _placeholder(node: NodeWithScore, report: dict[str, Any]) -> NodeWithScore:
    metadata = {REPORT: report}
    removed = TextNode(
        text=REMOVED_DOCUMENT,
        id_=node.node.node_id,
        metadata=metadata,
        excluded_llm_metadata_keys=list(metadata),
    )
    return NodeWithScore(node=removed, score=node.score)


def _check(node: NodeWithScore) -> Check:
    # A prompt may show any of the metadata, such as a title that somebody wrote.
    text = node.node.get_content(metadata_mode=MetadataMode.ALL)
    return Check(monitor_messages("data", text), ("retrieval",))
