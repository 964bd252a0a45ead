"""What to change where a text leaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from grayswan_core.audit.records import Kind, Model, Sent, Source

__all__ = ["Advisor"]


@dataclass(frozen=True)
class Advisor:
    """Advises in the words of one framework.

    Attributes:
        changes: What to change, by how the text came in.
        model: The model of ours to use.
        tool_result: How to send a text as the result of a tool.
    """

    changes: Mapping[Kind, str]
    model: str
    tool_result: str

    def __call__(self, source: Source, sent: Sent, model: Model) -> str:
        """What to change so that a text no longer reaches a model in a role that may instruct."""
        change = self.changes[source.kind]
        if model.takes_marks:
            return f"{change}; {model.name} then sends it as data."
        place = "tool's definition" if sent.role == "tool definition" else f"{sent.role} message"
        keep = (
            f"keep the model as untrusted_fallback({model.name}(...))"
            if "OpenAI" in model.name
            else f"take it out of the {place}, and {self.tool_result}"
        )
        return (
            f"{change}, and put {self.model} in the place of {model.name}, which has no role for"
            f" such text. Or {keep}."
        )
