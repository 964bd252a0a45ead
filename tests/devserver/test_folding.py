from grayswan_core.wire import ChatResponse, Chunk
from grayswan_devserver import FinishPiece, TextPiece, ToolCallPiece, UsagePiece
from grayswan_devserver.folding import Envelope, fold

ENVELOPE = Envelope("id-1", 7, "cygnet", "engine-1")
PIECES = [
    TextPiece(0, "Hel"),
    TextPiece(1, "x"),
    TextPiece(0, "lo"),
    ToolCallPiece(0, 0, id="a", name="f"),
    ToolCallPiece(0, 0, arguments='{"x": '),
    ToolCallPiece(0, 1, id="b", name="g", arguments="{}"),
    ToolCallPiece(0, 0, arguments="1}"),
    FinishPiece(1, "stop"),
    FinishPiece(0, "tool_calls"),
    UsagePiece(3, 4),
]


def test_chunks_are_of_the_wire():
    chunks = [Chunk(chunk) for chunk in ENVELOPE.chunks(PIECES, 2)]
    assert {chunk["id"] for chunk in chunks} == {"id-1"}
    assert [chunk["choices"][0]["delta"].get("role") for chunk in chunks[:3]] == [
        "assistant",
        "assistant",
        None,
    ]
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["total_tokens"] == 7


def test_folded_answer_says_what_the_chunks_say():
    response = ChatResponse.model_validate(fold(ENVELOPE.chunks(PIECES, 2)))
    first, second = response.choices
    assert (first.index, second.index) == (0, 1)
    assert first.message.content == "Hello"
    assert [call.function.arguments for call in first.message.tool_calls] == ['{"x": 1}', "{}"]
    assert (first.finish_reason, second.finish_reason) == ("tool_calls", "stop")
    assert second.message.tool_calls is None
    assert response.object == "chat.completion"
    assert response.usage.prompt_tokens == 3


def test_calls_without_text_have_null_for_content():
    pieces = [ToolCallPiece(0, 0, id="a", name="f", arguments="{}"), FinishPiece(0, "tool_calls")]
    assert fold(ENVELOPE.chunks(pieces, 1))["choices"][0]["message"]["content"] is None


def test_an_empty_answer_is_an_empty_text():
    answer = fold(ENVELOPE.chunks([FinishPiece(0, "stop")], 1))
    assert answer["choices"][0]["message"]["content"] == ""
    assert answer["usage"] is None
