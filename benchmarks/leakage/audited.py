"""Compares the audit with the recorder, flow by flow: does each see the same leaks?

    python -m benchmarks.leakage.audited

The recorder reads the requests' bodies; the audit sees what the frameworks tell. The time is that
of the same flows with the audit and without it, one after the other.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from llama_index.core import Settings

from benchmarks.leakage import langchain_flows, llama_index_flows
from benchmarks.leakage.contenders import PROTECTED, contenders
from benchmarks.leakage.flows import PROMPT, Flow, Mode
from benchmarks.leakage.measuring import Contender, requests
from benchmarks.leakage.metrics import Request, measure
from benchmarks.leakage.payloads import documents
from benchmarks.leakage.recorder import Recorder
from grayswan_audit import Finding, Report, audit_untrusted

__all__ = ["Comparison", "compare", "comparisons"]

_DOCUMENTS = 6


@dataclass(frozen=True)
class Comparison:
    """What both saw of one flow, with one contender in one mode.

    Attributes:
        flow: The flow.
        contender: The contender's name.
        mode: The mode.
        recorded: Whether the recorder saw a leak.
        report: The audit's report.
        seconds: The time with the audit, and without it.
    """

    flow: Flow
    contender: str
    mode: Mode
    recorded: bool
    report: Report
    seconds: tuple[float, float]

    @property
    def findings(self) -> list[Finding]:
        """What the audit found of the documents; one flow keeps the prompt in an index, too."""
        return [each for each in self.report.findings if PROMPT not in each.excerpt]

    @property
    def agrees(self) -> bool:
        """Whether both saw a leak, or both saw none, and the audit failed at nothing."""
        return self.recorded == bool(self.findings) and not self.report.failures


def compare(
    recorder: Recorder, flow: Flow, contender: Contender, texts: Sequence[str], mode: Mode
) -> Comparison:
    """Run a flow without an audit and with one."""

    def run(around: AbstractContextManager[Any]) -> tuple[list[Request], float]:
        model = contender.models(flow.framework, recorder.url)
        try:
            with around:
                start = time.perf_counter()
                sent = requests(recorder, flow, model, texts, mode, protected=contender.protected)
                return sent, time.perf_counter() - start
        finally:
            contender.close(model)

    _, without = run(nullcontext())
    audit = audit_untrusted()
    sent, within = run(audit)
    figures = measure(sent, texts, unprotected=sent, probed=[], labels=flow.labels)
    leaked = figures.trusted_bytes > 0
    return Comparison(flow, contender.name, mode, leaked, audit.report(), (within, without))


def comparisons(
    recorder: Recorder, under_test: Sequence[Contender], *, first_mode_only: bool = False
) -> Iterator[Comparison]:
    """Every flow with every contender."""
    # LlamaIndex makes parts of engines with the default model; it is to be the one at hand.
    Settings.llm = PROTECTED.models("llama_index", recorder.url)
    texts = documents(_DOCUMENTS)
    for flow in (*langchain_flows.FLOWS, *llama_index_flows.FLOWS):
        for contender in under_test:
            for mode in flow.modes[: 1 if first_mode_only else None]:
                yield compare(recorder, flow, contender, texts, mode)


def main() -> None:
    """Run it."""
    warnings.simplefilter("ignore")
    under_test = contenders()
    with Recorder() as recorder:
        seen = list(comparisons(recorder, under_test))
    for contender in under_test:
        own = [each for each in seen if each.contender == contender.name]
        leaks = sum(each.recorded for each in own)
        agreed = sum(each.agrees for each in own)
        within, without = (sum(times) for times in zip(*(e.seconds for e in own), strict=True))
        print(  # noqa: T201 - it is a command
            f"{contender.name}: {agreed} of {len(own)} agree, {leaks} leak;"
            f" {within:.2f} s with the audit, {without:.2f} s without"
        )
    for each in seen:
        if not each.agrees:
            print(each.flow.name, each.contender, each.mode, each.report)  # noqa: T201


if __name__ == "__main__":
    main()
