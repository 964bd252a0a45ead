"""What of a model's calls is judged, and what becomes of what is blocked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from grayswan_core.cygnal.guard import CygnalGuard
from grayswan_core.cygnal.verdict import Judgement
from grayswan_core.errors import ConfigurationError

__all__ = ["DEFAULT_REFUSAL", "ExitBehavior", "Mode", "Protection", "Streaming"]

ExitBehavior: TypeAlias = Literal["end", "error", "replace", "monitor"]
Streaming: TypeAlias = Literal["hold", "window"]
Mode: TypeAlias = Literal["before", "parallel"]

DEFAULT_REFUSAL = "Sorry, I can't help with that."
"""What the API itself says in place of what it blocks."""

_UNAVAILABLE = "Sorry, I can't answer right now: the safety check is unavailable."

_CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True)
class Protection:
    """The settings of the adapters' `protect`, which says what they mean.

    Raises:
        ConfigurationError: one of them cannot work.
    """

    guard: CygnalGuard
    check_input: bool = True
    check_tool_calls: bool = True
    check_tool_results: bool = True
    check_output: bool = True
    exit_behavior: ExitBehavior = "end"
    violation_message: str | None = None
    streaming: Streaming = "hold"
    window: int = 200
    mode: Mode = "before"
    raises: bool = False
    """Whether a refusal is an error all the same, as where structured output is made of it."""

    def __post_init__(self) -> None:
        if not isinstance(self.guard, CygnalGuard):
            raise ConfigurationError(f"The guard is a CygnalGuard, not {self.guard!r}.")
        for name, known in _CHOICES.items():
            if (value := getattr(self, name)) not in known:
                raise ConfigurationError(f"{name} is one of {', '.join(known)}, not {value!r}.")
        if type(self.window) is not int or self.window < 1:
            raise ConfigurationError(f"window is a number of tokens above 0, not {self.window!r}.")
        try:
            (self.violation_message or "").format(stage="", rules="")
        except (KeyError, IndexError, ValueError, AttributeError):
            raise ConfigurationError(
                "violation_message may hold {stage} and {rules}; write other braces twice."
            ) from None

    @property
    def blocks(self) -> bool:
        """Whether what is flagged is blocked, and not only reported."""
        return self.exit_behavior != "monitor"

    @property
    def is_error(self) -> bool:
        """Whether an error is raised in place of a refusal."""
        return self.raises or self.exit_behavior == "error"

    def blocking(self, judgement: Judgement | None) -> Judgement | None:
        """The judgement, if what was judged is blocked for it."""
        return judgement if judgement is not None and judgement.blocked and self.blocks else None

    @property
    def window_size(self) -> int:
        """About how many characters a window has."""
        return self.window * _CHARACTERS_PER_TOKEN

    @property
    def tail_size(self) -> int:
        """About how many characters are held back of a window that was judged: a quarter."""
        return self.window

    def message(self, judgement: Judgement) -> str:
        """What is said in place of what is blocked."""
        if judgement.verdict is None:
            return self.violation_message or _UNAVAILABLE
        if self.violation_message is not None:
            rules = ", ".join(judgement.verdict.rules)
            return self.violation_message.format(stage=judgement.stage, rules=rules)
        return judgement.verdict.block_message or DEFAULT_REFUSAL

    def error_message(self, judgement: Judgement) -> str:
        """What the error says for something that is blocked."""
        why = ", ".join(judgement.reasons)
        return f"Cygnal blocked the {judgement.stage} ({why}). {self.message(judgement)}"


_CHOICES = {
    "exit_behavior": get_args(ExitBehavior),
    "streaming": get_args(Streaming),
    "mode": get_args(Mode),
}
