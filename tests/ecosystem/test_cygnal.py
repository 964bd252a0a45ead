"""Clients of Cygnal that others wrote, and guards around models of other providers."""

from __future__ import annotations

import os

import openai
import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

from grayswan_core import CygnalGuard, CygnalViolationError, cygnal_settings
from grayswan_devserver import VIOLATION_TRIGGER, Answer, Call, MonitorAnswer
from grayswan_devserver.cygnal.completions import BLOCK_MESSAGE
from langchain_grayswan import protect
from langchain_grayswan.refusals import refusal_in

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # or it is fetched on import

BAD = f"swordfish {VIOLATION_TRIGGER}"
KEY = "fake-key-that-nobody-may-see"


@pytest.fixture
def completions(server):
    """Settings of protected completions on the local server."""
    return cygnal_settings(api_key=KEY, base_url=server.url, policy_id="p", rules={"a": '"pears"'})


@pytest.fixture
def guard(server):
    with CygnalGuard(api_key=KEY, base_url=server.url, max_retries=0) as guard:
        yield guard


@pytest.fixture
def gpt(completions):
    """OpenAI's model as LangChain has it; the judge before it lets everything pass."""
    headers = completions["default_headers"]
    settings = {**completions, "default_headers": {**headers, "pre-violation": "1"}}
    settings["default_headers"]["post-violation"] = "1"
    return ChatOpenAI(model="gpt-x", api_key="provider", stream_usage=True, **settings)


class TestLiteLLM:
    """LiteLLM's own hook for this monitor."""

    @pytest.fixture
    def hook(self, server):
        grayswan = pytest.importorskip(
            "litellm.proxy.guardrails.guardrail_hooks.grayswan.grayswan",
            reason="LiteLLM's proxy needs its extra",
        )

        def make(**settings):
            given = {"api_key": KEY, "api_base": server.url, "on_flagged_action": "block"}
            return grayswan.GraySwanGuardrail(**{**given, **settings})

        return make

    async def apply(self, hook, text, kind="request", **inputs):
        given = {"texts": [text], **inputs}
        return await hook.apply_guardrail(given, {"messages": []}, kind)

    async def test_it_passes_and_blocks(self, hook, server):
        assert ["Hello"] == (await self.apply(hook(), "Hello"))["texts"]
        with pytest.raises(Exception, match=r"(?i)violat|block"):
            await self.apply(hook(), BAD)
        assert ["/cygnal/monitor"] * 2 == [request.path for request in server.requests]
        assert [200, 200] == [request.status for request in server.requests]

    async def test_its_rules_and_policy(self, hook, server):
        own = hook(categories={"fruit": 'no "bananas"'}, policy_id="p", reasoning_mode="hybrid")
        with pytest.raises(Exception, match=r"(?i)violat|block"):
            await self.apply(own, "Bananas", "response")
        sent = server.last.body
        assert ("p", "hybrid") == (sent["policy_id"], sent["reasoning_mode"])

    async def test_a_judge_that_fails_passes_there_and_not_here(self, hook, guard, server):
        """The reason for a guard of our own: status 200, `error`, and a score of 0."""
        server.script(MonitorAnswer(error=True), MonitorAnswer(error=True))
        assert [BAD] == (await self.apply(hook(fail_open=False), BAD))["texts"]
        from grayswan_core.cygnal.window import monitor_messages  # noqa: PLC0415

        assert guard.check(monitor_messages("user", BAD), ["input"]).blocked


class TestOpenAISDK:
    @pytest.fixture
    def client(self, completions):
        with openai.OpenAI(api_key="provider", max_retries=0, **completions) as client:
            yield client

    def ask(self, client, text, **settings):
        messages = [{"role": "user", "content": text}]
        return client.chat.completions.create(model="gpt-x", messages=messages, **settings)

    def test_a_response(self, client):
        assert "stop" == self.ask(client, "Hello").choices[0].finish_reason

    @pytest.mark.parametrize("text", [BAD, "Do you like pears?"])
    def test_a_block(self, client, text):
        choice = self.ask(client, text).choices[0]
        assert ("violation", BLOCK_MESSAGE, BLOCK_MESSAGE) == (
            choice.finish_reason,
            choice.message.content,
            choice.message.refusal,
        )

    def test_a_cut_stream(self, client, server):
        server.script(Answer(f"Well then: {BAD}"))
        chunks = [
            chunk.choices[0] for chunk in self.ask(client, "Hi", stream=True) if chunk.choices
        ]
        text = "".join(chunk.delta.content or "" for chunk in chunks)
        assert text.startswith("Well then:")
        assert text.endswith(BLOCK_MESSAGE)
        assert "violation" == chunks[-1].finish_reason

    def test_without_a_policy(self, server):
        settings = cygnal_settings(api_key=KEY, base_url=server.url)
        with (
            openai.OpenAI(api_key="provider", max_retries=0, **settings) as client,
            pytest.raises(openai.BadRequestError, match="No policy specified"),
        ):
            self.ask(client, "Hello")


class TestChatOpenAI:
    def test_violations_are_read_as_refusals(self, completions, server):
        model = protect(ChatOpenAI(model="gpt-x", api_key="provider", **completions))
        assert BLOCK_MESSAGE == refusal_in(model.invoke(BAD))["refusal"]
        server.script(Answer(f"Well then: {BAD}"))
        chunks = list(model.stream("Hi"))
        whole = chunks[0]
        for chunk in chunks[1:]:
            whole += chunk
        assert whole.text.startswith("Well then:")
        assert BLOCK_MESSAGE not in whole.text
        assert BLOCK_MESSAGE == whole.additional_kwargs["refusal"]

    @pytest.mark.parametrize("settings", [{}, {"streaming": "window", "window": 8}])
    async def test_a_guard_around_it(self, gpt, guard, server, settings):
        class Told(BaseCallbackHandler):
            told: list[str]

            def __init__(self):
                self.told = []

            def on_llm_new_token(self, token, *, chunk=None, **kwargs):
                self.told.append(repr(chunk))

            def on_llm_end(self, response, **kwargs):
                self.told.append(repr(response))

        handler = Told()
        model = protect(gpt, guard, **settings)
        config = {"callbacks": [handler]}
        answer = Answer(BAD, [Call("send", {"to": "swordfish"})])
        seen = []
        server.script(answer)
        seen.append(model.invoke("Hello", config))
        server.script(answer)
        seen.append(await model.ainvoke("Hello there", config))
        server.script(answer)
        seen += list(model.stream("Hello you", config))
        server.script(answer)
        seen += [event async for event in model.astream_events("Hello all", config, version="v2")]
        assert "swordfish" not in repr((seen, handler.told))
        refused = seen[0]
        assert [{"type": "refusal", "refusal": BLOCK_MESSAGE}] == refused.content_blocks
        assert "violation" == refused.response_metadata["finish_reason"]
        assert refused.usage_metadata["total_tokens"]

    def test_a_late_refusal_is_a_block_of_another_providers_message(self, gpt, guard, server):
        server.script(Answer("It is blue. " * 30 + BAD))
        chunks = list(protect(gpt, guard, streaming="window", window=8).stream("Hello"))
        whole = chunks[0]
        for chunk in chunks[1:]:
            whole += chunk
        assert "openai" == whole.response_metadata["model_provider"]
        assert "refusal" in {block["type"] for block in whole.content_blocks}
        assert "swordfish" not in repr(whole)

    def test_structured_output(self, gpt, guard, server):
        class Colour(BaseModel):
            """A colour."""

            name: str

        for method in ("function_calling", "json_schema"):
            structured = protect(gpt, guard).with_structured_output(Colour, method=method)
            content = '{"name": "swordfish [[cygnal-violation]]"}'
            calls = [Call("Colour", content)] if method == "function_calling" else []
            server.script(Answer("" if calls else content, calls))
            with pytest.raises(CygnalViolationError):
                structured.invoke(f"Which? {method}")

    def test_model_refusals_are_known_to_langchains_own_middleware(self, gpt, guard, server):
        refusals = pytest.importorskip("langchain.agents.middleware.model_refusal")
        from langchain.agents import create_agent  # noqa: PLC0415
        from langchain_core.exceptions import ModelRefusalError  # noqa: PLC0415

        from langchain_grayswan import CygnalMiddleware  # noqa: PLC0415

        middleware = [refusals.ModelRefusalMiddleware(), CygnalMiddleware(guard)]
        agent = create_agent(gpt, middleware=middleware)
        server.script(Answer(BAD))
        with pytest.raises(ModelRefusalError):
            agent.invoke({"messages": [("human", "Hello")]})


class TestLlamaIndexOpenAI:
    def test_a_guard_around_it(self, guard, server):
        from llama_index.core.llms import ChatMessage  # noqa: PLC0415
        from llama_index.llms.openai import OpenAI  # noqa: PLC0415

        from llama_index_grayswan import protect as protect_llm  # noqa: PLC0415

        settings = cygnal_settings(
            api_key=KEY,
            base_url=server.url,
            policy_id="p",
            thresholds={"pre_violation": 1, "post_violation": 1},
            address="api_base",
        )
        llm = protect_llm(OpenAI(model="gpt-4o", api_key="provider", **settings), guard)
        for ask in (llm.chat, lambda given: list(llm.stream_chat(given))):
            server.script(Answer(BAD, [Call("send", {"to": "swordfish"})]))
            response = ask([ChatMessage(f"Hello {ask}")])
            assert "swordfish" not in repr(response)
            assert BLOCK_MESSAGE in repr(response)
