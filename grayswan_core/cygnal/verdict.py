"""What the monitor said of a conversation, and what a policy makes of it. Sans-I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias, get_args

from grayswan_core.errors import APIError, ConfigurationError
from grayswan_core.wire import MonitorResponse

__all__ = ["STAGES", "Judgement", "JudgementPolicy", "Stage", "Verdict", "judge"]

Stage: TypeAlias = Literal["input", "tool_call", "tool_result", "retrieval", "output"]
"""What is judged: a user's message, a call before it is made, what a tool returned, a retrieved
document, or a model's response."""

STAGES: tuple[Stage, ...] = get_args(Stage)


@dataclass(frozen=True)
class Verdict:
    """What the monitor said; scores go from 0 to 1.

    Attributes:
        violation: How surely a rule is violated.
        ipi: Whether an indirect prompt injection was found.
        mutation: Whether a tool's result was tampered with.
        rules: Names (or numbers) of the violated rules.
        observe_violation: The score of rules that are in observe mode, which block nothing.
        ignored_inputs: Kinds of content that were not judged, such as images.
        scanner_output: What the scanners of the policy found.
        block_message: What the policy wants said in place of what is blocked.
        reasoning: Why, in the monitor's words.
        usage: Tokens it took: `input_tokens` and `output_tokens`.
        activity_id: The API's name for this judgement.
    """

    violation: float
    ipi: bool = False
    mutation: bool = False
    rules: tuple[str, ...] = ()
    observe_violation: float | None = None
    ignored_inputs: tuple[str, ...] = ()
    scanner_output: Mapping[str, Any] | None = None
    block_message: str | None = None
    reasoning: str | None = None
    usage: Mapping[str, int] = field(default_factory=dict)
    activity_id: str | None = None

    @classmethod
    def of(cls, response: MonitorResponse) -> Verdict:
        """The verdict in a response of the monitor."""
        described = [
            each.name or each.description or str(each.rule)
            for each in response.violated_rule_descriptions
        ]
        return cls(
            violation=response.violation,
            ipi=response.ipi,
            mutation=response.mutation,
            rules=tuple(described or map(str, response.violated_rules)),
            observe_violation=response.observe_violation,
            ignored_inputs=tuple(str(each.get("type")) for each in response.ignored_inputs),
            scanner_output=response.scanner_output,
            block_message=response.block_message,
            reasoning=response.reasoning,
            usage={"input_tokens": response.input_tokens, "output_tokens": response.output_tokens},
            activity_id=response.activity_id,
        )

    def without_quotes(self) -> Verdict:
        """The verdict without what may quote the conversation, as a cache keeps it."""
        return replace(self, scanner_output=None, reasoning=None)


@dataclass(frozen=True)
class JudgementPolicy:
    """From which verdict on something is blocked.

    Attributes:
        threshold: Something is blocked when `violation` is this high or higher.
        thresholds: Other thresholds for some stages.
        block_on_ipi: Stages at which a prompt injection blocks, whatever `violation` is.
        block_on_mutation: The same for tampering.

    Raises:
        ConfigurationError: a threshold is outside 0..1, or a stage is unknown.
    """

    threshold: float = 0.5
    thresholds: Mapping[Stage, float] = field(default_factory=dict)
    block_on_ipi: tuple[Stage, ...] = ("tool_result", "retrieval")
    block_on_mutation: tuple[Stage, ...] = ("tool_result",)

    def __post_init__(self) -> None:
        number: Any
        stages_own = ((f"thresholds[{stage!r}]", each) for stage, each in self.thresholds.items())
        for name, number in (("threshold", self.threshold), *stages_own):
            # A comparison with NaN is false, so NaN would block nothing.
            if type(number) not in (int, float) or not 0 <= number <= 1:
                raise ConfigurationError(
                    f"{name} has to be a number from 0 to 1, not {number!r}; 0 blocks everything."
                )
        given: tuple[Any, ...] = (self.thresholds, self.block_on_ipi, self.block_on_mutation)
        for stages in given:
            if isinstance(stages, str) or not set(STAGES).issuperset(stages):
                raise ConfigurationError(f"Stages are {', '.join(STAGES)}; {stages!r} are not.")


@dataclass(frozen=True)
class Judgement:
    """What is to be done: block or allow.

    Attributes:
        stage: What was judged.
        reasons: Why it is blocked: `violation`, `ipi`, `mutation` or `unavailable`; none, and it is
            allowed.
        verdict: What the monitor said; None where it could not be asked.
        error: Why it could not be asked.
        cached: Whether the verdict is one of before, on the same content.
    """

    stage: Stage
    reasons: tuple[str, ...] = ()
    verdict: Verdict | None = None
    error: APIError | None = None
    cached: bool = False

    @property
    def blocked(self) -> bool:
        return bool(self.reasons)

    def report(self) -> dict[str, Any]:
        """The judgement as plain data, for metadata and events; what was judged is not in it."""
        report: dict[str, Any] = {"stage": self.stage, "blocked": self.blocked}
        report["reasons"] = list(self.reasons)
        if verdict := self.verdict:
            report |= {
                "violation": verdict.violation,
                "ipi": verdict.ipi,
                "mutation": verdict.mutation,
                "rules": list(verdict.rules),
                "observe_violation": verdict.observe_violation,
                "not_judged": list(verdict.ignored_inputs),
                "activity_id": verdict.activity_id,
                "cached": self.cached,
            }
            # A verdict from the cache cost nothing.
            report["usage"] = {} if self.cached else dict(verdict.usage)
        if self.error is not None:
            report["error"] = type(self.error).__name__
        return report


def judge(verdict: Verdict, policy: JudgementPolicy, stages: Iterable[Stage]) -> Judgement:
    """Allow or block, by the strictest of the stages that something is at.

    Where it is blocked, the judgement names the first stage that blocks it.
    """
    judgements = [Judgement(stage, _reasons(verdict, policy, stage), verdict) for stage in stages]
    return next((each for each in judgements if each.blocked), judgements[0])


def _reasons(verdict: Verdict, policy: JudgementPolicy, stage: Stage) -> tuple[str, ...]:
    found = {
        "violation": verdict.violation >= policy.thresholds.get(stage, policy.threshold),
        "ipi": verdict.ipi and stage in policy.block_on_ipi,
        "mutation": verdict.mutation and stage in policy.block_on_mutation,
    }
    return tuple(reason for reason, holds in found.items() if holds)
