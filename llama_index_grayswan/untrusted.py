"""Marks what retrievers and tools bring in as untrusted, in one line each.

A marked text keeps its marks through any prompt template. The model takes them off before it
sends a request, and sends what stands between them as `data`. What the marks are and what they
promise: `docs/untrusted-content.md`. For a whole engine or agent, see `secure`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from functools import cache
from typing import Any

from llama_index.core.base.llms.types import TextBlock
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import BaseNode, MetadataMode, NodeWithScore, QueryBundle
from llama_index.core.tools import AsyncBaseTool, BaseTool, FunctionTool, ToolOutput
from pydantic import Field

from grayswan_core.untrusted.values import mark_all, mark_untrusted, strip_marks

__all__ = [
    "UntrustedNodePostprocessor",
    "mark_nodes",
    "mark_untrusted",
    "strip_marks",
    "untrusted_tool",
]


class UntrustedNodePostprocessor(BaseNodePostprocessor):
    """Marks the nodes of a retriever as untrusted. Let it be the last postprocessor.

    ```python
    engine = index.as_query_engine(node_postprocessors=[UntrustedNodePostprocessor()])
    ```
    """

    metadata: bool = Field(
        default=True, description="Whether the texts among the metadata are marked, too."
    )

    @classmethod
    def class_name(cls) -> str:
        """The name LlamaIndex's serialization knows the class by."""
        return "UntrustedNodePostprocessor"

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        return mark_nodes(nodes, metadata=self.metadata)


def mark_nodes(nodes: Sequence[NodeWithScore], *, metadata: bool = True) -> list[NodeWithScore]:
    """Copies of nodes whose text is marked as untrusted.

    What a model is shown of a node, its text and what its template says of its metadata, becomes
    its text, as one marked piece.

    Args:
        nodes: The nodes; they are left as they are.
        metadata: Whether the texts among the metadata are marked, too. The model is not shown
            them apart from the text; turn it off where the program compares them.
    """
    return [
        NodeWithScore(node=_marked_node(each.node, metadata=metadata), score=each.score)
        for each in nodes
    ]


def _marked_node(node: BaseNode, *, metadata: bool) -> BaseNode:
    text = node.get_content(metadata_mode=MetadataMode.LLM)
    about = {k: mark_all(v) for k, v in node.metadata.items()} if metadata else dict(node.metadata)
    update: dict[str, Any] = {"metadata": about, "excluded_llm_metadata_keys": list(about)}
    if hasattr(node, "text_template"):
        update["text_template"] = "{content}"
    marked = node.model_copy(update=update)
    if text.strip():
        marked.set_content(mark_untrusted(text))
    return marked


def untrusted_tool(tool: BaseTool | Callable[..., Any]) -> BaseTool:
    """A tool whose outputs are marked as untrusted.

    The tool keeps its class, its name and its schema. Of an output the text is marked, and not
    `raw_output`, which no model is shown. Where the tool fails, the error's text may be as
    untrusted as a result: so an output is given that says so (`is_error`, `exception`), as agents
    themselves make one of an error.

    Args:
        tool: A tool, which is left as it is, or a function to make one of.
    """
    plain_tool = tool if isinstance(tool, BaseTool) else FunctionTool.from_defaults(tool)
    if isinstance(plain_tool, _MarksOutput):
        return plain_tool
    marking = copy(plain_tool)
    kind = _MarksAsyncOutput if isinstance(plain_tool, AsyncBaseTool) else _MarksOutput
    marking.__class__ = _marking_class(kind, type(plain_tool))
    return marking


class _MarksOutput(BaseTool):
    """What `untrusted_tool` puts before a tool's own class."""

    def __call__(self, *args: Any, **kwargs: Any) -> ToolOutput:
        try:
            return _marked_output(super().__call__(*args, **kwargs))  # type: ignore[safe-super]
        except Exception as error:  # noqa: BLE001 - handed on in the output
            return _failure(self, error, kwargs)


class _MarksAsyncOutput(_MarksOutput, AsyncBaseTool):
    def call(self, *args: Any, **kwargs: Any) -> ToolOutput:
        try:
            return _marked_output(super().call(*args, **kwargs))  # type: ignore[safe-super]
        except Exception as error:  # noqa: BLE001 - handed on in the output
            return _failure(self, error, kwargs)

    async def acall(self, *args: Any, **kwargs: Any) -> ToolOutput:
        try:
            return _marked_output(await super().acall(*args, **kwargs))  # type: ignore[safe-super]
        except Exception as error:  # noqa: BLE001 - handed on in the output
            return _failure(self, error, kwargs)


@cache
def _marking_class(kind: type[BaseTool], tool_class: type[BaseTool]) -> type[BaseTool]:
    name = f"Untrusted{tool_class.__name__}"
    return type(name, (kind, tool_class), {"__module__": __name__})


def _marked_output(output: ToolOutput) -> ToolOutput:
    blocks = [
        TextBlock(text=mark_untrusted(block.text)) if isinstance(block, TextBlock) else block
        for block in output.blocks
    ]
    return output.model_copy(update={"blocks": blocks})


# Errors by which workflows steer themselves, as when a tool waits for a human's answer.
_WORKFLOWS = ("workflows", "llama_index.core.workflow")


def _failure(tool: BaseTool, error: Exception, given: dict[str, Any]) -> ToolOutput:
    if type(error).__module__.startswith(_WORKFLOWS):
        raise error
    said = mark_untrusted(str(error) or type(error).__name__)
    return ToolOutput(
        content=said,
        tool_name=tool.metadata.get_name(),
        raw_input=given,
        raw_output=said,
        is_error=True,
        exception=error,
    )
