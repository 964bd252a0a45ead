from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.load import dumps
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk

from grayswan_core.prototype import Prototype
from grayswan_core.wire import ChatResponse, Chunk, ResponseMessage
from langchain_grayswan import responses
from langchain_grayswan.chunks import ResponseChunk
from langchain_grayswan.responses import (
    ChunkReader,
    combined_outputs,
    message_from_choice,
    result_from_response,
)

HEAD = {"id": "chat-1", "model": "cygnet", "system_fingerprint": "fp-1"}
USAGE = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}


def response(*messages, finish_reason="stop", usage=USAGE):
    choices = [
        {"index": index, "message": message, "finish_reason": finish_reason}
        for index, message in enumerate(messages)
    ]
    return ChatResponse.model_validate({**HEAD, "choices": choices, "usage": usage})


def message(said, **fields):
    answer = response(said, **fields)
    return message_from_choice(answer.choices[0], answer)


def chunk(finish_reason=None, usage=None, **delta):
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return Chunk({**HEAD, "choices": [choice], "usage": usage})


def state(made):
    names = ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")
    return [type(made), *(getattr(made, name) for name in names)]


def constructed(made):
    return type(made)(**{name: getattr(made, name) for name in made.model_fields_set})


COUNTS = st.integers(0, 10**6)
DETAILS = st.none() | st.dictionaries(st.sampled_from(["cached_tokens", "audio_tokens"]), COUNTS)
USAGES = st.none() | st.fixed_dictionaries(
    {"prompt_tokens": COUNTS, "completion_tokens": COUNTS},
    optional={"total_tokens": COUNTS, "prompt_tokens_details": DETAILS},
)
CALLS = st.none() | st.lists(
    st.fixed_dictionaries(
        {
            "id": st.text(),
            "function": st.fixed_dictionaries(
                {"name": st.text(), "arguments": st.sampled_from(['{"a": 1}', '{"a', "", "[]"])}
            ),
        }
    ),
    max_size=2,
)
SAID = st.fixed_dictionaries(
    {"content": st.none() | st.text()},
    optional={"refusal": st.none() | st.text(), "tool_calls": CALLS},
)


@given(
    st.lists(SAID, min_size=1, max_size=3),
    st.none() | st.sampled_from(["stop", "length", "tool_calls", "content_filter"]),
    USAGES,
)
def test_what_is_copied_is_what_constructors_make(messages, finish_reason, usage):
    result = result_from_response(response(*messages, finish_reason=finish_reason, usage=usage))
    for generation in result.generations:
        assert state(generation) == state(constructed(generation))
        assert state(generation.message) == state(constructed(generation.message))


def call_delta(index, arguments="", **head):
    function = {"arguments": arguments}
    if "name" in head:
        function["name"] = head.pop("name")
    return {"index": index, "function": function, **head}


def read(*chunks):
    reader = ChunkReader()
    made = [reader.read(each) for each in chunks]
    return [each.message for each in (*made, reader.end()) if each is not None]


def whole(*chunks):
    first, *rest = read(*chunks)
    return first + rest


class TestWholeAnswers:
    def test_a_text(self):
        answer = message({"content": "Hello"})

        assert answer.content == "Hello"
        assert answer.id is None
        assert answer.response_metadata == {
            "model_provider": "grayswan",
            "model_name": "cygnet",
            "finish_reason": "stop",
            "id": "chat-1",
            "system_fingerprint": "fp-1",
        }
        assert answer.usage_metadata == {"input_tokens": 5, "output_tokens": 3, "total_tokens": 8}

    def test_calls_good_and_bad(self):
        calls = [
            {"id": "1", "function": {"name": "add", "arguments": '{"a": 1}'}},
            {"id": "2", "function": {"name": "now", "arguments": ""}},
            {"id": "3", "function": {"name": "add", "arguments": '{"a": oops'}},
            {"id": "4", "function": {"name": "add", "arguments": "[1]"}},
        ]
        answer = message({"content": None, "tool_calls": calls}, finish_reason="tool_calls")

        assert answer.content == ""
        assert [(c["id"], c["args"]) for c in answer.tool_calls] == [("1", {"a": 1}), ("2", {})]
        assert [(c["id"], c["args"]) for c in answer.invalid_tool_calls] == [
            ("3", '{"a": oops'),
            ("4", "[1]"),
        ]
        assert all(c["error"] for c in answer.invalid_tool_calls)

    def test_usage_stands_on_the_first_of_several_choices(self):
        result = result_from_response(response({"content": "A"}, {"content": "B"}))

        assert [g.text for g in result.generations] == ["A", "B"]
        assert [bool(g.message.usage_metadata) for g in result.generations] == [True, False]
        assert result.generations[1].generation_info == {"finish_reason": "stop"}
        assert result.llm_output == {"model_name": "cygnet", "token_usage": USAGE}

    def test_what_the_service_leaves_out_is_left_out(self):
        answer = response({"content": "A"}, usage=None)
        answer.id, answer.system_fingerprint = "", None
        found = message_from_choice(answer.choices[0], answer)

        assert "id" not in found.response_metadata
        assert found.usage_metadata is None
        assert "system_fingerprint" not in found.response_metadata
        assert result_from_response(answer).llm_output == {"model_name": "cygnet"}

    def test_usage_of_several_results_is_added_up(self):
        outputs = [{"model_name": "cygnet", "token_usage": USAGE}, None, {"token_usage": USAGE}]

        total = {"prompt_tokens": 10, "completion_tokens": 6, "total_tokens": 16}
        assert combined_outputs(outputs) == {"model_name": "cygnet", "token_usage": total}
        assert combined_outputs([None, {}]) == {}

    def test_log_probabilities_are_kept(self):
        answer = response({"content": "A"})
        answer.choices[0].logprobs = "-0.5"

        found = message_from_choice(answer.choices[0], answer)
        assert found.response_metadata["logprobs"] == "-0.5"

    def test_a_refusal_field_is_kept_and_readable(self):
        answer = message({"content": None, "refusal": "No."}, finish_reason="violation")

        assert answer.content == "No."
        assert answer.additional_kwargs == {"refusal": "No."}
        assert ResponseMessage().refusal is None


class TestChunks:
    def test_what_says_nothing_is_not_handed_out(self):
        chunks = read(
            chunk(role="assistant", content=""),
            chunk(content="Hel"),
            chunk(content="lo"),
            chunk("stop"),
        )

        assert [c.content for c in chunks] == ["Hel", "lo", ""]
        assert [c.chunk_position for c in chunks] == [None, None, "last"]

    @pytest.mark.parametrize("text", ["A", "日本"])
    def test_a_chunk_of_text_is_what_langchain_makes_of_it(self, text):
        reader = ChunkReader()
        reader.read(chunk(content="first"))
        made = reader.read(chunk(content=text))

        fields = {"content": text, "response_metadata": {"model_provider": "grayswan"}}
        message, known = ResponseChunk(**fields), AIMessageChunk(**fields)
        expected = ChatGenerationChunk(message=message)
        assert made == expected
        assert repr(made) == repr(ChatGenerationChunk(message=known))
        assert made.text == text
        assert made.model_dump() == ChatGenerationChunk(message=known).model_dump()
        assert made.model_fields_set == expected.model_fields_set
        assert made.message.model_fields_set == message.model_fields_set
        assert dumps(made) == dumps(ChatGenerationChunk(message=known))
        assert pickle.loads(pickle.dumps(made)) == expected
        assert made + made == expected + expected

    def test_chunks_of_text_share_nothing(self):
        reader = ChunkReader()
        _, one, other = (reader.read(chunk(content=text)) for text in "ABC")
        one.message.response_metadata["mine"] = one.message.additional_kwargs["mine"] = True
        one.message.tool_calls.append("mine")
        one.message.name = "mine"
        fields = {"content": "C", "response_metadata": {"model_provider": "grayswan"}}
        assert other == ChatGenerationChunk(message=ResponseChunk(**fields))
        assert "name" not in other.message.model_fields_set

    def test_what_is_said_of_the_whole_response_is_on_the_last_chunk(self):
        first, second, last = read(chunk(content="A"), chunk(content="B"), chunk("stop"))

        assert first.response_metadata == second.response_metadata == {"model_provider": "grayswan"}
        assert last.response_metadata == {
            "model_provider": "grayswan",
            "model_name": "cygnet",
            "finish_reason": "stop",
            "id": "chat-1",
            "system_fingerprint": "fp-1",
        }
        merged = whole(chunk(content="A"), chunk("stop"), chunk("stop"))
        assert merged.response_metadata == last.response_metadata

    def test_the_last_chunk_says_it_in_its_generation_info_too(self):
        """langchain-anthropic's and -groq's suites look there."""
        reader = ChunkReader()
        reader.read(Chunk({**chunk(content="A"), "request_id": "req-1"}))
        reader.read(chunk("stop"))

        assert reader.end().generation_info == {
            "model_name": "cygnet",
            "finish_reason": "stop",
            "id": "chat-1",
            "system_fingerprint": "fp-1",
            "request_id": "req-1",
        }

    def test_a_head_that_comes_late_is_not_lost(self):
        early = Chunk({"choices": [{"delta": {"content": "A"}}]})

        merged = whole(early, chunk("stop", content="B"))

        assert merged.content == "AB"
        assert merged.response_metadata["id"] == "chat-1"
        assert merged.response_metadata["model_name"] == "cygnet"
        assert merged.response_metadata["system_fingerprint"] == "fp-1"

    @pytest.mark.parametrize(
        "chunks",
        [
            [chunk(content="A"), chunk("stop", usage=USAGE)],
            [chunk(content="A", usage=USAGE), chunk("stop")],
            [chunk(content="A"), chunk("stop"), Chunk({**HEAD, "usage": USAGE})],
            [
                chunk(content="A", usage={**USAGE, "completion_tokens": 1, "total_tokens": 6}),
                chunk("stop", usage=USAGE),
                Chunk({**HEAD, "usage": USAGE}),
            ],
        ],
        ids=["last", "first", "no choices", "running totals"],
    )
    def test_usage_is_counted_once_wherever_it_comes(self, chunks):
        merged = whole(*chunks)

        assert merged.usage_metadata == {"input_tokens": 5, "output_tokens": 3, "total_tokens": 8}

    def test_token_details_are_kept(self):
        """langchain #38100: cached tokens are lost in streams."""
        details = {
            "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": None},
            "completion_tokens_details": {"reasoning_tokens": 2, "audio_tokens": 1},
        }
        streamed = whole(chunk(content="A"), chunk("stop", usage={**USAGE, **details}))
        plain = message({"content": "A"}, usage={**USAGE, **details})

        assert streamed.usage_metadata == plain.usage_metadata
        assert plain.usage_metadata["input_token_details"] == {"cache_read": 4}
        assert plain.usage_metadata["output_token_details"] == {"reasoning": 2, "audio": 1}

    def test_a_chunk_without_a_choice_is_read(self):
        (only,) = read(Chunk({**HEAD, "choices": []}))

        assert only.content == ""

    def test_calls_in_pieces_two_to_a_chunk_and_mixed(self):
        pieces = [
            chunk(
                tool_calls=[call_delta(0, id="1", name="add"), call_delta(1, id="2", name="now")]
            ),
            chunk(tool_calls=[call_delta(1, "{"), call_delta(0, '{"a"')]),
            chunk(tool_calls=[call_delta(0, ": 1}")]),
            chunk(tool_calls=[call_delta(1, "}")]),
            chunk("tool_calls"),
        ]

        assert [c["index"] for c in read(*pieces)[1].tool_call_chunks] == [1, 0]
        merged = whole(*pieces)
        assert [(c["id"], c["name"], c["args"]) for c in merged.tool_calls] == [
            ("1", "add", {"a": 1}),
            ("2", "now", {}),
        ]
        assert merged.invalid_tool_calls == []

    def test_a_text_before_a_call_in_one_chunk(self):
        calls = [call_delta(0, "{}", id="1", name="now")]
        merged = whole(chunk(content="Wait.", tool_calls=calls), chunk("tool_calls"))

        assert merged.content == "Wait."
        assert [c["name"] for c in merged.tool_calls] == ["now"]

    @pytest.mark.parametrize(
        "arguments",
        ['{"amount": 100', '{"to": "An', "{", '{"a": 1} {', '{"a": oops}', "[1]", "nonsense"],
    )
    def test_arguments_that_are_no_json_are_invalid(self, arguments):
        calls = [call_delta(0, arguments, id="1", name="pay")]
        merged = whole(chunk(tool_calls=calls), chunk("tool_calls"))

        assert merged.tool_calls == []
        assert [(c["args"], c["id"]) for c in merged.invalid_tool_calls] == [(arguments, "1")]
        assert merged.invalid_tool_calls[0]["error"]

    @pytest.mark.parametrize("arguments", ["null", "", " ", "{}", None])
    def test_no_arguments_are_none(self, arguments):
        calls = [call_delta(0, arguments, id="1", name="now")]
        merged = whole(chunk(tool_calls=calls), chunk("tool_calls"))

        assert [c["args"] for c in merged.tool_calls] == [{}]
        assert merged.invalid_tool_calls == []

    @pytest.mark.parametrize("finish_reason", ["content_filter", "violation"])
    @pytest.mark.parametrize("arguments", ["{}", '{"to": "An'])
    def test_calls_of_a_refused_response_are_invalid(self, finish_reason, arguments):
        calls = [call_delta(0, arguments, id="1", name="pay")]
        streamed = whole(chunk(tool_calls=calls), chunk(finish_reason))
        plain = message({"tool_calls": calls}, finish_reason=finish_reason)

        assert streamed.tool_calls == plain.tool_calls == []
        assert streamed.invalid_tool_calls == plain.invalid_tool_calls
        assert finish_reason in plain.invalid_tool_calls[0]["error"]

    def test_line_breaks_in_strings_are_meant(self):
        arguments = '{"text": "one\ntwo"}'
        calls = [call_delta(0, arguments, id="1", name="say")]

        merged = whole(chunk(tool_calls=calls), chunk("tool_calls"))
        plain = message(
            {"tool_calls": [{"id": "1", "function": {"name": "say", "arguments": arguments}}]}
        )
        assert merged.tool_calls == plain.tool_calls
        assert plain.tool_calls[0]["args"] == {"text": "one\ntwo"}

    def test_a_refusal_that_is_said_as_text_too_is_read_once(self):
        said_after = whole(chunk(content="No."), chunk(refusal="No."), chunk("violation"))
        said_before = whole(chunk(refusal="No."), chunk(content="No."), chunk("violation"))
        alone = whole(chunk(refusal="No"), chunk(refusal="."), chunk("violation"))

        assert said_after.content == said_before.content == alone.content == "No."
        assert said_after.content_blocks == said_before.content_blocks == alone.content_blocks
        assert alone.content_blocks == [{"type": "refusal", "refusal": "No."}]

    def test_a_text_that_was_cut_and_the_refusal_are_two_blocks(self):
        cut = whole(chunk(content="First, you"), chunk(refusal="No."), chunk("violation"))
        plain = message({"content": "First, you", "refusal": "No."}, finish_reason="violation")

        assert cut.content == plain.content == "First, you"
        assert [b["type"] for b in cut.content_blocks] == ["text", "refusal"]
        assert cut.content_blocks == plain.content_blocks


def test_copied_objects_are_those_that_the_constructors_make():
    """With the installed versions no stream falls back to the slower constructors."""
    prototypes = [each for each in vars(responses).values() if isinstance(each, Prototype)]
    assert prototypes
    for prototype in prototypes:
        prototype.like()
        assert prototype._is_faithful
