"""Runs a flow with a contender's model against the recorder, and measures what it sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.leakage.flows import Flow, Mode, run_async
from benchmarks.leakage.metrics import PROBE, Measure, Request, measure, requests_of
from benchmarks.leakage.recorder import ANSWER, Recorder

__all__ = ["Contender", "Result", "requests", "run_flow"]


@dataclass(frozen=True)
class Contender:
    """A model under test.

    Attributes:
        name: As the table shows it.
        models: Makes the model for a framework, given the server's address.
        protected: Whether the flow's source is marked.
    """

    name: str
    models: Callable[[str, str], Any]
    protected: bool = False

    def close(self, model: Any) -> None:
        """Close a model's connections, where it has a way to."""
        if hasattr(model, "aclose"):
            run_async(model.aclose())


@dataclass(frozen=True)
class Result:
    """The figures of one flow with one contender in one mode."""

    framework: str
    flow: str
    contender: str
    mode: Mode
    figures: Measure


def requests(
    recorder: Recorder, flow: Flow, model: Any, texts: Sequence[str], mode: Mode, *, protected: bool
) -> list[Request]:
    """What a flow sends.

    Raises:
        RuntimeError: it sent nothing.
    """
    recorder.take()
    recorder.answers.extend(flow.answers)
    flow.run(model, texts, mode, protected)
    sent = requests_of(recorder.take())
    if not sent:
        raise RuntimeError(f"{flow.name} sent nothing.")
    return sent


def run_flow(
    recorder: Recorder, flow: Flow, contender: Contender, texts: Sequence[str], mode: Mode
) -> Result:
    """The figures of one flow; the run without protection beside it is the contender's own."""

    def sent(documents: Sequence[str], *, protected: bool = False) -> list[Request]:
        # A model for each run: some cannot be used in a second event loop.
        model = contender.models(flow.framework, recorder.url)
        try:
            return requests(recorder, flow, model, documents, mode, protected=protected)
        finally:
            contender.close(model)

    recorder.answer = PROBE.format(len(texts))
    probed = sent([PROBE.format(number) for number in range(len(texts))])
    recorder.answer = ANSWER
    bare = sent(texts)
    found = sent(texts, protected=True) if contender.protected else bare
    figures = measure(found, texts, unprotected=bare, probed=probed, labels=flow.labels)
    return Result(flow.framework, flow.name, contender.name, mode, figures)
