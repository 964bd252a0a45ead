"""What tracers record of our models: never a key, and all that they have fields for.

The fields are each tracer's own; what its tables do not know about us is in docs/tracing.md.
"""

from __future__ import annotations

import json

import pytest
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler
from langfuse import Langfuse
from langfuse.langchain import CallbackHandler
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from openinference.instrumentation.langchain import LangChainInstrumentor as OpenInferenceLangChain
from openinference.instrumentation.llama_index import LlamaIndexInstrumentor as OpenInferenceLlama
from opentelemetry.instrumentation.langchain import LangchainInstrumentor as OpenTelemetryLangChain
from opentelemetry.instrumentation.llamaindex import LlamaIndexInstrumentor as OpenTelemetryLlama
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from grayswan_devserver import Answer, Call

MODES = ["whole", "streamed"]


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class Traced:
    """The attributes of the spans that a block of calls left."""

    def __init__(self):
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    def clear(self):
        self._exporter.clear()

    @property
    def spans(self):
        return [dict(span.attributes) for span in self._exporter.get_finished_spans()]

    def last_with(self, name):
        return [span for span in self.spans if name in span][-1]


_tracing: dict[type, Traced] = {}


def traced_by(instrumentor):
    """Instrumented once: after `uninstrument`, some instrumentors record nothing any more."""
    kind = type(instrumentor)
    if kind not in _tracing:
        _tracing[kind] = Traced()
        instrumentor.instrument(tracer_provider=_tracing[kind].provider)
    _tracing[kind].clear()
    return _tracing[kind]


def ask_langchain(model, mode, tools=()):
    bound = model.bind_tools(tools) if tools else model
    list(bound.stream("Add 1 and 2")) if mode == "streamed" else bound.invoke("Add 1 and 2")


def ask_llama_index(llm, mode, tools=()):
    if tools:
        offered = [FunctionTool.from_defaults(tool) for tool in tools]
        way = llm.stream_chat_with_tools if mode == "streamed" else llm.chat_with_tools
        answer = way(offered, "Add 1 and 2")
    else:
        way = llm.stream_chat if mode == "streamed" else llm.chat
        answer = way([ChatMessage("Add 1 and 2")])
    if mode == "streamed":
        list(answer)


@pytest.fixture
def scripted(server):
    server.script(Answer(tool_calls=[Call("add", {"a": 1, "b": 2})]))


@pytest.fixture(params=["langchain", "llama_index"])
def way(request, chat_model, llm):
    if request.param == "langchain":
        return ask_langchain, chat_model, OpenInferenceLangChain(), OpenTelemetryLangChain()
    return ask_llama_index, llm, OpenInferenceLlama(), OpenTelemetryLlama()


@pytest.mark.usefixtures("scripted")
@pytest.mark.parametrize("mode", MODES)
def test_open_inference(way, mode, secrets):
    ask, model, instrumentor, _ = way
    traced = traced_by(instrumentor)
    ask(model, mode, [add])
    span = traced.last_with("llm.token_count.total")
    called = "llm.output_messages.0.message.tool_calls.0.tool_call.function."
    assert "cygnet" == span["llm.model_name"]
    assert "tool_calls" == span["llm.finish_reason"]
    assert "add" == span[f"{called}name"]
    assert {"a": 1, "b": 2} == json.loads(span[f"{called}arguments"])
    total = span["llm.token_count.prompt"] + span["llm.token_count.completion"]
    assert 0 < total == span["llm.token_count.total"]
    assert not any(secret in str(traced.spans) for secret in secrets)


@pytest.mark.usefixtures("scripted")
@pytest.mark.parametrize("mode", MODES)
def test_open_telemetry(way, mode, secrets):
    ask, model, _, instrumentor = way
    traced = traced_by(instrumentor)
    ask(model, mode, [add])
    span = traced.last_with("gen_ai.usage.total_tokens")
    assert "cygnet" == span["gen_ai.response.model"]
    assert "cygnet" == span["gen_ai.request.model"]
    if (ask, mode) != (ask_llama_index, "streamed"):  # there it reads no finish reason
        assert ("tool_call",) == span["gen_ai.response.finish_reasons"]
    (message,) = json.loads(span["gen_ai.output.messages"])
    (call,) = [part for part in message["parts"] if part["type"] == "tool_call"]
    assert ("add", {"a": 1, "b": 2}) == (call["name"], call["arguments"])
    assert not any(secret in str(traced.spans) for secret in secrets)


@pytest.mark.parametrize("mode", MODES)
def test_langfuse(chat_model, mode, secrets):
    traced = Traced()
    client = Langfuse(
        public_key=f"pk-{mode}",
        secret_key="sk-fake",
        base_url="http://127.0.0.1:9",  # nothing listens there, and nothing is sent
        tracer_provider=traced.provider,
    )
    handler = {"callbacks": [CallbackHandler(public_key=f"pk-{mode}")]}
    if mode == "streamed":
        list(chat_model.stream("Hello", config=handler))
    else:
        chat_model.invoke("Hello", config=handler)
    span = traced.last_with("langfuse.observation.usage_details")
    assert "cygnet" == span["langfuse.observation.model.name"]
    assert {"input", "output", "total"} == set(
        json.loads(span["langfuse.observation.usage_details"])
    )
    assert "Hello" in span["langfuse.observation.output"]
    assert not any(secret in str(traced.spans) for secret in secrets)
    client._resources.shutdown()


@pytest.mark.usefixtures("scripted")
@pytest.mark.parametrize("mode", MODES)
def test_langsmith(chat_model, mode, secrets):
    """What LangChain's own tracer would send to LangSmith."""
    collector = RunCollectorCallbackHandler()
    bound = chat_model.bind_tools([add]).with_config(callbacks=[collector])
    list(bound.stream("Add 1 and 2")) if mode == "streamed" else bound.invoke("Add 1 and 2")
    (run,) = [run for run in collector.traced_runs if run.run_type == "llm"]
    metadata = run.extra["metadata"]
    assert ("grayswan", "cygnet") == (metadata["ls_provider"], metadata["ls_model_name"])
    message = run.outputs["generations"][0][0]["message"]["kwargs"]
    assert "tool_calls" == message["response_metadata"]["finish_reason"]
    assert "add" == message["tool_calls"][0]["name"]
    assert message["usage_metadata"]["total_tokens"] > 0
    assert not any(secret in repr(vars(run)) for secret in secrets)
