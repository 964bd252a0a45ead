"""Marks nodes, messages and values as untrusted, and takes the marks off for people to see.

A marked text keeps its marks through any prompt template. The model takes them off before it
sends a request, and sends what stands between them as `data`. What the marks are and what they
promise: `docs/untrusted-content.md`. For a whole engine or agent, see `secure`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

from llama_index.core.base.llms.types import ChatMessage, ContentBlock, TextBlock
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import BaseNode, MetadataMode, NodeWithScore, QueryBundle
from pydantic import BaseModel, Field

from grayswan_core.untrusted.values import (
    mark_all,
    mark_metadata,
    mark_name,
    mark_untrusted,
    strip_with,
)

__all__ = [
    "UntrustedNodePostprocessor",
    "mark_late",
    "mark_nodes",
    "mark_untrusted",
    "marked_block",
    "shown_text",
    "strip_marks",
]

_T = TypeVar("_T")


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
    its text, as one marked piece. IDs and metadata are marked where they are more than a name.

    Args:
        nodes: The nodes; they are left as they are.
        metadata: Whether the texts among the metadata are marked, too; the model is not shown
            them apart from the text.
    """
    return [
        NodeWithScore(node=_marked_node(each.node, metadata=metadata), score=each.score)
        for each in nodes
    ]


def shown_text(node: BaseNode) -> str:
    """What a model is shown of a node."""
    return node.get_content(metadata_mode=MetadataMode.LLM)


def _marked_node(node: BaseNode, *, metadata: bool) -> BaseNode:
    text = shown_text(node)
    about = mark_metadata(node.metadata) if metadata else dict(node.metadata)
    left = _PROGRAMS if metadata else {*_PROGRAMS, "relationships"}
    update: dict[str, Any] = {
        **{name: _marked_part(value) for name, value in vars(node).items() if name not in left},
        "metadata": about,
        "excluded_llm_metadata_keys": list(about),
    }
    if hasattr(node, "text_template"):
        update["text_template"] = "{content}"
    marked = node.model_copy(update=update)
    if text.strip():
        marked.set_content(mark_untrusted(text))
    return marked


# What of a node a program writes, or what is marked in another way.
_PROGRAMS = frozenset(
    {
        *("text", "text_resource", "metadata", "obj", "embedding"),
        *("text_template", "metadata_template", "metadata_separator"),
        *("excluded_embed_metadata_keys", "excluded_llm_metadata_keys"),
    }
)


def _marked_part(value: Any) -> Any:
    """A part of a node or a message, with every text in it marked that is more than a name."""
    if isinstance(value, str) and not isinstance(value, Enum):
        return mark_name(value)
    if isinstance(value, (list, tuple)):
        return [_marked_part(each) for each in value]
    if isinstance(value, dict):
        return {_marked_part(key): _marked_part(each) for key, each in value.items()}
    if isinstance(value, TextBlock):
        return value.model_copy(update={"text": mark_untrusted(value.text)})
    if isinstance(value, BaseModel):
        return value.model_copy(update={n: _marked_part(each) for n, each in vars(value).items()})
    return value


def mark_late(value: Any) -> Any:
    """What a template is filled with, with every text in it marked.

    The prompt is on its way to the model, and nothing cuts it any more: so the marks have no
    ticks, and cost the same for a text of any length. Messages and nodes stay what they are.
    """
    if isinstance(value, ChatMessage):
        return value.model_copy(
            update={
                "blocks": [marked_block(each, _marked_late) for each in value.blocks],
                "additional_kwargs": _marked_part(value.additional_kwargs),
            }
        )
    if isinstance(value, NodeWithScore):
        return mark_nodes([value])[0]
    if isinstance(value, BaseNode):
        return _marked_node(value, metadata=True)
    if type(value) in (list, tuple):
        return type(value)(map(mark_late, value))
    return mark_all(value, ticks=False)


_marked_late = partial(mark_untrusted, ticks=False)


def marked_block(block: ContentBlock, mark: Callable[[str], str]) -> ContentBlock:
    """A block of a message or of a tool's output, marked.

    Args:
        block: The block, which is left as it is.
        mark: Marks a block of text.
    """
    if isinstance(block, TextBlock):
        return block.model_copy(update={"text": mark(block.text)})
    return cast("ContentBlock", _marked_part(block))


def strip_marks(value: _T) -> _T:
    """A copy without any mark, for people to see: sources, tool outputs, histories.

    Takes texts, nodes and documents, messages, responses of models, engines and agents, outputs
    of tools, and lists and dicts of these. `raw` and `raw_output` stay as they are, since marking
    leaves them alone.

    Raises:
        TypeError: it is, or holds, an object of another type. So is a stream: strip what was
            read from it.
    """
    return cast("_T", strip_with(_stripped, value))


_UNMARKED_FIELDS = frozenset({"raw", "raw_output"})
_UNMARKED_TYPES = (bytes, Path)


def _stripped(value: Any) -> Any:
    if isinstance(value, _UNMARKED_TYPES):
        return value
    is_dataclass = dataclasses.is_dataclass(value) and not isinstance(value, type)
    if not (is_dataclass or isinstance(value, BaseModel)):
        raise TypeError(
            f"strip_marks() does not know where a {type(value).__name__} holds text. Pass a text,"
            " a node, a message, a response, or a list or dict of these."
        )
    stripped = {
        name: strip_marks(field)
        for name, field in vars(value).items()
        if name not in _UNMARKED_FIELDS or isinstance(field, str)
    }
    if isinstance(value, BaseModel):
        return value.model_copy(update=stripped)
    return dataclasses.replace(value, **stripped)
