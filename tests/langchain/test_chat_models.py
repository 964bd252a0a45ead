from __future__ import annotations

import asyncio
import copy
import gc
import json
import pickle
import re
import subprocess
import sys
import time
import warnings
from dataclasses import asdict
from uuid import uuid4

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import (
    AsyncCallbackHandler,
    BaseCallbackHandler,
    UsageMetadataCallbackHandler,
)
from langchain_core.exceptions import ModelTimeoutError
from langchain_core.load import dumpd, dumps, loads
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.rate_limiters import InMemoryRateLimiter
from langchain_core.runnables import ConfigurableField
from langchain_tests.utils.stream_lifecycle import assert_valid_event_stream

from grayswan_core import ConfigurationError, InvalidRequestError, Limits, Timeout
from grayswan_devserver import Answer, Call, DevServer, RawResponse
from langchain_grayswan import ChatGraySwan, DataMessage
from langchain_grayswan.errors import RateLimitError

KEY = "secret-key-0123456789"

# The settings of langchain-openai's ChatOpenAI, and their aliases, that are not settings here.
FROM_OPENAI = (
    *("async_client", "client", "context_management", "default_query", "disabled_params"),
    *("extra_body", "http_socket_options", "include", "include_response_headers", "logit_bias"),
    *("logprobs", "max_completion_tokens", "model_kwargs", "model_name", "openai_api_base"),
    *("openai_api_key", "openai_organization", "openai_proxy", "organization"),
    *("presence_penalty", "prompt_cache_options", "reasoning", "reasoning_effort"),
    *("request_timeout", "root_async_client", "root_client", "seed", "service_tier"),
    *("stop_sequences", "store", "stream_chunk_timeout", "stream_usage", "strict"),
    *("tiktoken_model_name", "top_k", "top_logprobs", "truncation", "use_previous_response_id"),
    *("use_responses_api", "verbosity"),
)


def merged(chunks):
    first, *rest = chunks
    return first + rest


async def drained(stream):
    return [item async for item in stream]


class TestSettings:
    def test_a_mistyped_argument_is_an_error_that_hides_its_input(self):
        with pytest.raises(ConfigurationError, match="temprature") as caught:
            ChatGraySwan(api_key=KEY, temprature=0.5)

        assert KEY not in str(caught.value)
        assert KEY not in repr(caught.value)

    @pytest.mark.parametrize("name", FROM_OPENAI)
    def test_what_langchains_openai_takes_has_a_hint_of_its_own(self, name):
        with pytest.raises(ConfigurationError, match=f"Unknown setting '{name}'") as caught:
            ChatGraySwan(api_key=KEY, **{name: None})

        assert "Available" not in str(caught.value)
        assert "Did you mean" not in str(caught.value)

    def test_the_list_of_settings_holds_langchains_own(self):
        with pytest.raises(ConfigurationError, match="Available") as caught:
            ChatGraySwan(api_key=KEY, zzz=1)

        assert set(ChatGraySwan.model_fields) <= set(re.findall(r"\w+", str(caught.value)))

    @pytest.mark.parametrize(
        "page",
        [
            ("data", "The page"),
            ["data", "The page"],
            {"role": "data", "content": "The page"},
            {"type": "data", "content": "The page", "id": "3"},
        ],
        ids=repr,
    )
    async def test_a_pair_or_a_dict_of_the_role_data_is_a_data_message(self, model, server, page):
        expected = [
            {"role": "user", "content": "Hello"},
            {"role": "data", "content": "The page"},
        ]
        given = [("human", "Hello"), page]

        for call in (model.invoke, lambda given: list(model.stream(given))):
            call(given)
            assert server.last.body["messages"] == expected
        await model.ainvoke(given)
        assert server.last.body["messages"] == expected
        _ = [each async for each in model.astream(given)]
        assert server.last.body["messages"] == expected

    def test_settings_are_sent_and_a_calls_arguments_win(self, server):
        model = ChatGraySwan(
            base_url=server.url, api_key=KEY, temperature=0.5, max_tokens=9, top_p=0.9
        )
        model.invoke("Hello", temperature=0, model="cygnet-v0.2")

        sent = {name: value for name, value in server.last.body.items() if name != "messages"}
        assert sent == {"model": "cygnet-v0.2", "temperature": 0, "max_tokens": 9, "top_p": 0.9}

    def test_every_choice_of_several_is_a_generation(self, model, server):
        server.script(Answer("Hello"))

        result = model.generate([[HumanMessage("Hello")]], n=3)

        assert [g.text for g in result.generations[0]] == ["Hello"] * 3
        assert result.generations[0][2].message.response_metadata["finish_reason"] == "stop"

    async def test_several_choices_in_a_stream_are_refused(self, model):
        with pytest.raises(InvalidRequestError, match="n=2"):
            list(model.stream("Hello", n=2))
        with pytest.raises(InvalidRequestError, match="n=2"):
            await drained(model.astream("Hello", n=2))

    def test_several_choices_cannot_be_streamed_by_default(self, server):
        with pytest.raises(ConfigurationError, match=r"streaming=True.*n=2"):
            ChatGraySwan(api_key=KEY, streaming=True, n=2)
        model = ChatGraySwan(base_url=server.url, api_key=KEY, streaming=True)
        assert len(model.generate([[HumanMessage("Hello")]], n=2).generations[0]) == 2
        assert ChatGraySwan(api_key=KEY, streaming=True, n=2, disable_streaming=True).n == 2

    def test_the_usage_of_a_batch_is_added_up(self, model):
        """langchain #18603, langchain-google #1954."""
        result = model.generate([[HumanMessage("A")], [HumanMessage("Hello")]])

        totals = [each[0].message.usage_metadata["total_tokens"] for each in result.generations]
        assert result.llm_output["token_usage"]["total_tokens"] == sum(totals)
        assert result.llm_output["model_name"] == "cygnet"

    async def test_a_message_has_langchains_id_and_the_apis_is_beside_it(self, model):
        """langgraphjs #798: a chat interface shows a second, empty message."""
        streams = [list(model.stream("Hello")), await drained(model.astream("Hello"))]
        wholes = [model.invoke("Hello"), await model.ainvoke("Hello")]
        choices = model.generate([[HumanMessage("Hello")]], n=2).generations[0]

        for chunks in streams:
            assert len({chunk.id for chunk in chunks}) == 1
            assert [chunk.chunk_position for chunk in chunks if chunk.chunk_position] == ["last"]
        messages = [*map(merged, streams), *wholes, *(each.message for each in choices)]
        assert len({message.id for message in messages}) == len(messages)
        for message in messages:
            assert message.id.startswith("lc_run--")
            assert message.response_metadata["id"].startswith("chatcmpl-")

    async def test_a_response_can_be_named_to_the_apis_support(self, model, server):
        streamed = [merged(list(model.stream("Hello"))), merged(await drained(model.astream("A")))]
        whole = [model.invoke("Hello"), await model.ainvoke("Hello")]

        assert [each.response_metadata["request_id"] for each in (*streamed, *whole)] == [
            request.request_id for request in server.requests
        ]

    def test_tool_results_can_be_sent_as_data(self, server):
        model = ChatGraySwan(base_url=server.url, api_key=KEY, tool_result_role="data")
        call = {"id": "1", "name": "fetch", "args": {}}
        model.invoke(
            [
                HumanMessage("Fetch"),
                AIMessage("", tool_calls=[call]),
                {"role": "tool", "content": "A page.", "tool_call_id": "1"},
            ]
        )

        assert server.last.body["messages"][-1] == {"role": "data", "content": "A page."}

    def test_roles_on_the_wire(self, model, server):
        model.invoke([SystemMessage("Be brief."), HumanMessage("What?"), DataMessage("A page.")])

        assert [m["role"] for m in server.last.body["messages"]] == ["system", "user", "data"]


class TestModelObject:
    def test_nothing_secret_is_shown(self, server):
        model = ChatGraySwan(
            base_url=server.url, api_key=KEY, default_headers={"x-gate": "secret-gate"}
        )
        seen = []

        class Spy(BaseCallbackHandler):
            def on_chat_model_start(self, serialized, messages, **kwargs):
                seen.append((serialized, kwargs))

        model.invoke("Hello", {"callbacks": [Spy()]})

        shown = (repr(model), str(model), str(model.model_dump()), model.model_dump_json(),
                 dumps(model), str(pickle.dumps(model)), str(model.asdict()), str(seen),
                 repr(model.bind_tools([{"name": "now"}])))  # fmt: skip
        assert seen
        assert not [text for text in shown if "secret-" in text]

    @pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")
    @pytest.mark.parametrize(
        "settings",
        [
            {},
            {"temperature": 0.5, "stop": ["END"], "n": 2, "max_retries": 1, "timeout": 7.5},
            {"timeout": Timeout(read=None), "tool_result_role": "data", "streaming": True},
        ],
    )
    def test_loads_what_dumps_wrote(self, monkeypatch, settings):
        model = ChatGraySwan(api_key=KEY, **settings)
        written = dumps(model)
        monkeypatch.setenv("GRAYSWAN_API_KEY", KEY)

        back = loads(
            written,
            allowed_objects=[ChatGraySwan],
            valid_namespaces=["langchain_grayswan"],
            secrets_from_env=True,
        )

        assert KEY not in written
        assert back == model

    def test_its_serialized_form_is_stable(self):
        assert dumpd(ChatGraySwan(api_key=KEY, temperature=0)) == {
            "lc": 1,
            "type": "constructor",
            "id": ["langchain_grayswan", "chat_models", "ChatGraySwan"],
            "kwargs": {
                "model": "cygnet",
                "api_key": {"lc": 1, "type": "secret", "id": ["GRAYSWAN_API_KEY"]},
                "base_url": "https://api.grayswan.ai",
                "chat_path": "/chat/completion",
                "temperature": 0.0,
                "tool_result_role": "tool",
                "timeout": asdict(Timeout()),
                "limits": asdict(Limits()),
                "max_retries": 5,
                "transport": "auto",
            },
            "name": "ChatGraySwan",
        }

    @pytest.mark.parametrize("used", [False, True])
    def test_copies_work_and_a_pickle_reads_the_key_again(self, monkeypatch, server, used):
        model = ChatGraySwan(base_url=server.url, api_key=KEY, temperature=0)
        if used:
            model.invoke("Hello")
        monkeypatch.setenv("GRAYSWAN_API_KEY", "another-key")

        for other in (
            copy.copy(model),
            copy.deepcopy(model),
            model.model_copy(),
            model.model_copy(update={"temperature": 1}, deep=True),
            pickle.loads(pickle.dumps(model)),
        ):
            other.invoke("Hello")
            assert server.last.authorized

    def test_repr_names_what_was_set(self):
        shown = repr(ChatGraySwan(api_key=KEY, temperature=0, stop=["END"]))

        assert shown.startswith("ChatGraySwan(")
        assert "temperature=0.0" in shown
        assert "stop=['END']" in shown

    def test_the_profile_says_what_it_can_do(self):
        model = ChatGraySwan(api_key=KEY)

        assert model.profile["tool_calling"] is True
        assert model.profile["structured_output"] is False
        assert "max_input_tokens" not in model.profile
        own = ChatGraySwan(api_key=KEY, profile={**model.profile, "max_input_tokens": 8192})
        assert own.profile["max_input_tokens"] == 8192

    def test_tracing_parameters_follow_the_call(self):
        model = ChatGraySwan(api_key=KEY, temperature=0.5, max_tokens=9, stop="END")

        assert model._get_ls_params() == {
            "ls_provider": "grayswan",
            "ls_model_name": "cygnet",
            "ls_model_type": "chat",
            "ls_temperature": 0.5,
            "ls_max_tokens": 9,
            "ls_stop": ["END"],
        }
        own = model._get_ls_params(stop=["X"], model="cygnet-v0.2", temperature=0.0)
        assert (own["ls_model_name"], own["ls_stop"], own["ls_temperature"]) == (
            "cygnet-v0.2",
            ["X"],
            0.0,
        )

    def test_the_versions_are_in_the_metadata(self):
        versions = ChatGraySwan(api_key=KEY).metadata["lc_versions"]

        assert {"langchain-core", "grayswan-integrations"} <= set(versions)

    def test_tokens_are_counted_without_a_tokenizer(self):
        model = ChatGraySwan(api_key=KEY)
        messages = [HumanMessage("x" * 40), DataMessage("y" * 40)]

        assert model.get_num_tokens("x" * 41) == 11
        assert 20 < model.get_num_tokens_from_messages(messages) < 40
        with_tool = model.get_num_tokens_from_messages(messages, [{"name": "now"}])
        assert with_tool > model.get_num_tokens_from_messages(messages)
        assert "transformers" not in sys.modules


class TestCacheKeys:
    def test_a_changed_copy_has_its_own(self, server):
        model = ChatGraySwan(base_url=server.url, api_key=KEY, cache=InMemoryCache())
        model.invoke("Hello")
        model.invoke("Hello")
        assert len(server.requests) == 1

        changed = model.model_copy(update={"temperature": 0.5})
        changed.invoke("Hello")
        changed.temperature = 0.7
        changed.invoke("Hello")
        assert len(server.requests) == 3

        assert model.model_copy()._get_llm_string() == model._get_llm_string()

    def test_a_list_that_has_grown_is_seen(self):
        model = ChatGraySwan(api_key=KEY, stop=["A"])
        before = model._get_llm_string()
        model.stop.append("B")

        assert model._get_llm_string() != before

    def test_traces_show_the_settings_in_force(self):
        model = ChatGraySwan(api_key=KEY, temperature=0.5)
        assert model._serialized["kwargs"]["temperature"] == 0.5
        assert model._serialized is model._serialized

        copied = model.model_copy(update={"temperature": 0.7})
        assert copied._serialized["kwargs"]["temperature"] == 0.7
        model.temperature = 0.9
        assert model._serialized["kwargs"]["temperature"] == 0.9


class TestStreams:
    async def test_a_chunk_for_each_delta_and_all_is_said_once(self, model, server):
        server.script(Answer("One two three."), Answer("One two three."))

        for chunks in (list(model.stream("Hello")), await drained(model.astream("Hello"))):
            whole = merged(chunks)
            assert [c.text for c in chunks if c.text] == ["One", " two", " three", "."]
            assert whole.response_metadata["finish_reason"] == "stop"
            assert whole.response_metadata["model_name"] == "cygnet"
            assert whole.response_metadata["model_provider"] == "grayswan"
            assert whole.usage_metadata["total_tokens"] > 0
            assert len([c for c in chunks if c.usage_metadata]) == 1
            assert len({c.id for c in chunks[:-1]}) == 1
            assert chunks[-1].chunk_position == "last"
            assert whole.id == chunks[0].id

    def test_usage_after_the_end_is_read(self, model, server, stream_of):
        usage = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
        server.script(
            stream_of({"content": "Hi", "finish_reason": "stop"}, {"choices": [], "usage": usage})
        )

        whole = merged(model.stream("Hello"))

        assert whole.usage_metadata == {"input_tokens": 5, "output_tokens": 3, "total_tokens": 8}

    @pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")
    async def test_events_of_version_3(self, model, server):
        answer = Answer("Let me see.", tool_calls=[Call("add", {"a": 1}), Call("add", {"a": 2})])
        server.script(answer, answer)
        tokens = Tokens()

        stream = model.stream_events("Add", {"callbacks": [tokens]}, version="v3", tools=[ADD])
        events = list(stream)
        assert_valid_event_stream(events)
        astream = await model.astream_events("Add", version="v3", tools=[ADD])
        assert_valid_event_stream(await drained(astream))

        for message in (stream.output, await astream.output):
            assert message.text == "Let me see."
            assert [c["args"] for c in message.tool_calls] == [{"a": 1}, {"a": 2}]
            assert message.response_metadata["finish_reason"] == "tool_calls"
            assert message.usage_metadata["total_tokens"] > 0
        assert "".join(tokens.seen) == "Let me see."

    async def test_events_of_version_2(self, model, server):
        server.script(Answer("One two."))

        events = await drained(model.astream_events("Hello", version="v2"))

        said = [e["data"]["chunk"].text for e in events if e["event"] == "on_chat_model_stream"]
        assert "".join(said) == "One two."
        assert events[-1]["data"]["output"].text == "One two."

    def test_blocks_of_output_version_1(self, model, server):
        server.script(Answer("One two."), Answer("One two."))
        blocks = model.model_copy(update={"output_version": "v1"})

        plain, streamed = blocks.invoke("Hello"), merged(blocks.stream("Hello"))

        assert plain.content == [{"type": "text", "text": "One two."}]
        assert plain.response_metadata["finish_reason"] == "stop"
        assert streamed.text == plain.text
        assert streamed.response_metadata["finish_reason"] == "stop"

    def test_a_consumer_that_stops_early_closes_the_connection(self):
        with DevServer(chunk_delay=0.01) as server:
            server.script(Answer("word " * 500))
            model = ChatGraySwan(base_url=server.url, api_key=KEY)
            stream = model.stream("Hello")
            next(stream)
            stream.close()

            assert server.last.wait(5)
            assert server.last.aborted

    async def test_a_consumer_that_is_cancelled_closes_the_connection(self):
        with DevServer(chunk_delay=0.01) as server:
            server.script(Answer("word " * 500))
            model = ChatGraySwan(base_url=server.url, api_key=KEY)
            task = asyncio.create_task(drained(model.astream("Hello")))
            await asyncio.sleep(0.2)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

            assert await asyncio.to_thread(server.last.wait, 5)
            assert server.last.aborted
            await model.aclose()

    async def test_a_stream_that_stalls_is_an_error(self):
        with DevServer(chunk_delay=1.5) as server:
            model = ChatGraySwan(base_url=server.url, api_key=KEY, timeout=0.2, max_retries=0)
            with pytest.raises(ModelTimeoutError):
                list(model.stream("Hello"))
            with pytest.raises(ModelTimeoutError):
                await drained(model.astream("Hello"))
            await model.aclose()

    @pytest.mark.parametrize("disabled", [True, "tool_calling"])
    def test_streaming_can_be_turned_off(self, server, disabled):
        model = ChatGraySwan(base_url=server.url, api_key=KEY, disable_streaming=disabled)

        (only,) = list(model.stream("Hello", tools=[ADD]))

        assert type(only) is AIMessage
        assert "stream" not in server.last.body

    def test_streaming_false_turns_it_off_and_true_on(self, server):
        given = {"base_url": server.url, "api_key": KEY}
        list(ChatGraySwan(**given, streaming=False).stream("Hello"))
        assert "stream" not in server.last.body

        ChatGraySwan(**given, streaming=True).invoke("Hello")
        assert server.last.body["stream"] is True

        list(ChatGraySwan(**given).stream("Hello"))
        assert server.last.body["stream"] is True


class TestStopSequences:
    @pytest.mark.parametrize("stop", ["three", ["never", "three"]])
    async def test_nothing_after_the_stop_leaks(self, model, server, stop):
        server.script(*[Answer("One two three four.")] * 4)
        given = [stop] if isinstance(stop, str) else stop

        answers = [
            model.invoke("Count", stop=given),
            await model.ainvoke("Count", stop=given),
            merged(model.stream("Count", stop=given)),
            merged(await drained(model.astream("Count", stop=given))),
        ]

        assert [a.text.rstrip() for a in answers] == ["One two"] * 4
        assert {a.response_metadata["finish_reason"] for a in answers} == {"stop"}
        assert "stop" not in server.last.body

    def test_at_init_and_per_call(self, server):
        model = ChatGraySwan(base_url=server.url, api_key=KEY, stop="two")
        server.script(*[Answer("One two three.")] * 3)

        assert model.invoke("Count").text == "One "
        assert model.invoke("Count", stop=["three"]).text == "One two "
        assert model.bind(stop=["One"]).invoke("Count").text == ""

    def test_one_that_is_split_over_chunks(self, model, server, stream_of):
        parts = ["A E", "N", "D B"]
        server.script(
            stream_of(*[{"content": part} for part in parts], {"finish_reason": "length"})
        )

        whole = merged(model.stream("Go", stop=["END"]))

        assert whole.text == "A "
        assert whole.response_metadata["finish_reason"] == "stop"

    def test_no_text_is_held_back_longer_than_needed(self, model, server, stream_of):
        parts = ["A E", "N", "x", " B"]
        server.script(stream_of(*[{"content": part} for part in parts], {"finish_reason": "stop"}))

        chunks = list(model.stream("Go", stop=["END"]))

        assert [c.text for c in chunks if c.text] == ["A ", "ENx", " B"]

    def test_the_connection_is_closed_once_stopped(self):
        with DevServer(chunk_delay=0.01) as server:
            server.script(Answer("One END " + "word " * 500))
            model = ChatGraySwan(base_url=server.url, api_key=KEY)

            assert merged(model.stream("Go", stop=["END"])).text == "One "
            assert server.last.wait(5)
            assert server.last.aborted


ADD = {
    "name": "add",
    "description": "Add.",
    "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}},
}


class Tokens(BaseCallbackHandler):
    def __init__(self):
        self.seen = []
        self.errors = []
        self.ends = []

    def on_llm_new_token(self, token, **kwargs):
        self.seen.append(token)

    def on_llm_error(self, error, **kwargs):
        self.errors.append((error, kwargs))

    def on_llm_end(self, response, **kwargs):
        self.ends.append(response)


class AsyncTokens(AsyncCallbackHandler):
    def __init__(self):
        self.seen = []

    async def on_llm_new_token(self, token, **kwargs):
        self.seen.append(token)


class TestCallbacks:
    async def test_each_token_is_told_once(self, model, server):
        server.script(*[Answer("One two.")] * 4)
        sync, asynchronous = Tokens(), AsyncTokens()

        list(model.stream("Hello", {"callbacks": [sync]}))
        await drained(model.astream("Hello", {"callbacks": [sync, asynchronous]}))
        model.invoke("Hello", {"callbacks": [sync]}, stream=True)

        assert "".join(sync.seen) == "One two." * 3
        assert "".join(asynchronous.seen) == "One two."
        assert sync.ends[-1].generations[0][0].message.usage_metadata["total_tokens"] > 0

    def test_usage_is_counted_by_model(self, model, server):
        usage = UsageMetadataCallbackHandler()

        answer = model.invoke("Hello", {"callbacks": [usage]})
        chunks = merged(model.stream("Hello", {"callbacks": [usage]}))

        total = answer.usage_metadata["total_tokens"] + chunks.usage_metadata["total_tokens"]
        assert usage.usage_metadata["cygnet"]["total_tokens"] == total

    def test_an_error_is_told_with_nothing_of_the_transport(self, server):
        model = ChatGraySwan(base_url=server.url, api_key=KEY, max_retries=0)
        server.script(RawResponse(b"{}", 429, {"content-type": "application/json"}))
        told = Tokens()

        with pytest.raises(RateLimitError):
            model.invoke("Hello", {"callbacks": [told]})

        ((error, kwargs),) = told.errors
        assert isinstance(error, RateLimitError)
        assert kwargs["response"].generations == [[]]

    def test_a_failed_stream_tells_what_had_come(self, model, server, stream_of):
        server.script(stream_of({"content": "Hel"}, {"error": {"message": "Down"}}))
        told = Tokens()

        with pytest.raises(Exception, match="Down"):
            list(model.stream("Hello", {"callbacks": [told]}))

        ((_, kwargs),) = told.errors
        assert kwargs["response"].generations[0][0].text == "Hel"


class TestComposition:
    def test_configurable_fields(self, server):
        model = ChatGraySwan(base_url=server.url, api_key=KEY).configurable_fields(
            temperature=ConfigurableField(id="temperature"), model=ConfigurableField(id="model")
        )
        model.with_config(configurable={"temperature": 0.1, "model": "cygnet-v0.2"}).invoke("Hi")

        assert server.last.body["temperature"] == 0.1
        assert server.last.body["model"] == "cygnet-v0.2"
        model.invoke("Hi")
        assert "temperature" not in server.last.body

    def test_fallbacks_and_retries_look_at_the_class(self, model, server):
        bad = ChatGraySwan(base_url=server.url, api_key=KEY, max_retries=0)
        failed = RawResponse(b"{}", 429, {"content-type": "application/json"})
        server.script(failed, Answer("Hello"))
        guarded = bad.with_fallbacks([model], exceptions_to_handle=(RateLimitError,))
        assert guarded.invoke("Hello").text == "Hello"

        server.script(failed, failed, Answer("Hello"))
        retried = bad.with_retry(
            retry_if_exception_type=(RateLimitError,), wait_exponential_jitter=False
        )
        assert retried.invoke("Hello").text == "Hello"

    def test_too_many_requests_are_tried_again(self, server):
        model = ChatGraySwan(base_url=server.url, api_key=KEY, max_retries=1)
        slow = {"content-type": "application/json", "retry-after-ms": "1"}
        server.script(RawResponse(b"{}", 429, slow), Answer("Hello"))
        assert model.invoke("Hello").text == "Hello"

        server.script(RawResponse(b"{}", 429, slow), Answer("Hello"))
        assert merged(model.stream("Hello")).text == "Hello"

    def test_one_layer_of_retries(self, server):
        model = ChatGraySwan(base_url=server.url, api_key=KEY, max_retries=2)
        slow = RawResponse(b"{}", 429, {"content-type": "application/json", "retry-after-ms": "1"})
        server.script(*[slow] * 9)

        with pytest.raises(RateLimitError):
            model.invoke("Hello")
        assert len(server.requests) == 3

    def test_a_rate_limiter_is_asked(self, server):
        limiter = InMemoryRateLimiter(requests_per_second=20, check_every_n_seconds=0.01)
        model = ChatGraySwan(base_url=server.url, api_key=KEY, rate_limiter=limiter)
        begun = time.perf_counter()
        for _ in range(3):
            model.invoke("Hello")

        assert time.perf_counter() - begun > 0.1


class TestConnections:
    def test_several_event_loops_one_after_the_other(self, server):
        model = ChatGraySwan(base_url=server.url, api_key=KEY, max_retries=0)

        async def ask():
            return (await model.ainvoke("Hello")).text, len(await drained(model.astream("Hi")))

        answers = [asyncio.run(ask()) for _ in range(3)]

        assert len(set(answers)) == 1
        assert len(server.requests) == 6

    async def test_closing_leaves_nothing_open(self, server):
        with warnings.catch_warnings():
            warnings.simplefilter("error", ResourceWarning)
            async with ChatGraySwan(base_url=server.url, api_key=KEY) as model:
                await model.ainvoke("Hello")
            with ChatGraySwan(base_url=server.url, api_key=KEY) as model:
                model.invoke("Hello")
            model.invoke("Hello")  # opens anew
            model.close()
            del model
            gc.collect()

    def test_proxies_of_the_environment_are_used(self, monkeypatch):
        with DevServer() as proxy:
            monkeypatch.setenv("HTTP_PROXY", proxy.url)
            model = ChatGraySwan(
                base_url="http://cygnet.invalid",
                api_key=KEY,
                allow_insecure_http=True,
                max_retries=0,
            )
            model.invoke("Hello")  # the local server is no proxy, and answers on its own

            assert proxy.last.headers["host"] == "cygnet.invalid"


def test_importing_costs_little_over_langchain_core():
    code = (
        "import sys, langchain_core.language_models.chat_models, langchain_core.output_parsers;"
        "before = set(sys.modules);"
        "import langchain_grayswan;"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before};"
        "assert 'grayswan_core.client' not in sys.modules;"  # httpx comes with the first call
        "import json; print(json.dumps(sorted(new)))"
    )
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    )
    new = set(json.loads(done.stdout))

    foreign = {"openai", "anthropic", "transformers", "torch", "tiktoken", "langchain", "langgraph"}
    assert "langchain_grayswan" in new
    assert not new & foreign
    assert not done.stderr


def test_all_four_hooks_are_native():
    hooks = ("_generate", "_agenerate", "_stream", "_astream")

    assert set(hooks) <= set(vars(ChatGraySwan))


def test_runs_have_ids_of_their_own(model):
    run_id = uuid4()
    told = []

    class Spy(BaseCallbackHandler):
        def on_chat_model_start(self, serialized, messages, *, run_id, **kwargs):
            told.append(run_id)

    model.invoke("Hello", {"run_id": run_id, "callbacks": [Spy()]})
    assert told == [run_id]
