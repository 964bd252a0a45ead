"""Every way to run an agent, and what of the run can be seen that way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler

__all__ = ["SURFACES"]


def _invoke(agent: Any, state: dict[str, Any], config: dict[str, Any]) -> str:
    return repr(_new(agent.invoke(state, config), state))


def _ainvoke(agent: Any, state: dict[str, Any], config: dict[str, Any]) -> str:
    return repr(_new(asyncio.run(agent.ainvoke(state, config)), state))


def _stream(mode: str) -> Callable[..., str]:
    def run(agent: Any, state: dict[str, Any], config: dict[str, Any]) -> str:
        return repr(list(agent.stream(state, config, stream_mode=mode)))

    return run


def _v3_events(agent: Any, state: dict[str, Any], config: dict[str, Any]) -> str:
    stream = agent.stream_events(state, config, version="v3")
    seen = []
    for message in stream.messages:
        seen.append("".join(message.text))
        seen.append(repr(message.tool_calls.get()))
    return repr((seen, _new(stream.output, state)))


def _astream_events(agent: Any, state: dict[str, Any], config: dict[str, Any]) -> str:
    async def run() -> list[Any]:
        events = agent.astream_events(state, config, version="v2")
        return [event async for event in events if not event["event"].endswith("_start")]

    return repr([_said(event) for event in asyncio.run(run())])


class _Tracer(BaseCallbackHandler):
    """Keeps what a tracer is told of results."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def on_llm_new_token(self, token: Any, *, chunk: Any = None, **_: Any) -> None:
        self.told.append(repr((token, chunk)))

    def on_llm_end(self, response: Any, **_: Any) -> None:
        self.told.append(repr(response))

    def on_tool_end(self, output: Any, **_: Any) -> None:
        self.told.append(repr(output))

    def on_stream_event(self, event: Any, **_: Any) -> None:
        self.told.append(repr(event))


def _tracer(agent: Any, state: dict[str, Any], config: dict[str, Any]) -> str:
    tracer = _Tracer()
    agent.invoke(state, {**config, "callbacks": [tracer]})
    return "".join(tracer.told)


def _new(result: Any, state: dict[str, Any]) -> list[Any]:
    """The messages that the run added; the user has seen those before."""
    return list(result["messages"])[len(state["messages"]) :] if result else []


def _said(event: Any) -> Any:
    """What an event shows of results; the user has seen the question before."""
    data = event["data"]
    shown = {key: value for key, value in data.items() if key != "input"}
    output = shown.get("output")
    if isinstance(output, dict) and "messages" in output:
        new = [each for each in output["messages"] if getattr(each, "type", "") != "human"]
        shown["output"] = new
    return shown


SURFACES: dict[str, Callable[[Any, dict[str, Any], dict[str, Any]], str]] = {
    "invoke": _invoke,
    "ainvoke": _ainvoke,
    "stream messages": _stream("messages"),
    "stream updates": _stream("updates"),
    "v3 events": _v3_events,
    "astream_events": _astream_events,
    "tracer": _tracer,
}
