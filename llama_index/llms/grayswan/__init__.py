"""`from llama_index.llms.grayswan import GraySwan`, where LlamaIndex users look for it."""

from typing import TYPE_CHECKING

from llama_index_grayswan import GraySwan, data_message

if TYPE_CHECKING:
    from llama_index_grayswan import (
        CygnalNodePostprocessor,
        UntrustedNodePostprocessor,
        audit_untrusted,
        guard_tools,
        mark_nodes,
        mark_untrusted,
        protect,
        secure,
        strip_marks,
        untrusted_fallback,
        untrusted_tool,
        untrusted_tools,
    )
else:
    from llama_index_grayswan import __getattr__  # noqa: F401 - it imports the others when asked

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
