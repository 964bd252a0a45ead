import json

import pytest

from grayswan_devserver import (
    REFUSAL_TRIGGER,
    FinishPiece,
    SmolLM2Engine,
    TextPiece,
    ToolCallPiece,
    UnfitRequestError,
    UsagePiece,
)


@pytest.fixture
def generate(request_of):
    return lambda server, *messages, **fields: list(
        SmolLM2Engine(server).generate(request_of(*messages, **fields))
    )


def test_text_comes_as_it_is_written(played, generate):
    assert generate(played("Hel", "lo"), "Hi") == [
        TextPiece(0, "Hel"),
        TextPiece(0, "lo"),
        FinishPiece(0, "stop"),
        UsagePiece(7, 2),
    ]


def test_several_answers_are_written_one_after_the_other(played, generate):
    server = played("Hello")
    pieces = generate(server, "Hi", n=2)
    assert pieces == [
        TextPiece(0, "Hello"),
        FinishPiece(0, "stop"),
        TextPiece(1, "Hello"),
        FinishPiece(1, "stop"),
        UsagePiece(7, 2),
    ]
    assert len(server.requests) == 2


def test_arguments_come_as_they_are_written(played, generate, weather, named):
    server = played('{"location"', ': "Rome"}')
    head, *parts, finish, usage = generate(
        server, "Rome?", tools=[weather], tool_choice=named("get_weather")
    )
    assert (head.name, head.id[:5], head.arguments) == ("get_weather", "call_", "")
    assert parts == [
        ToolCallPiece(0, 0, arguments='{"location"'),
        ToolCallPiece(0, 0, arguments=': "Rome"}'),
    ]
    assert (finish, usage) == (FinishPiece(0, "tool_calls"), UsagePiece(7, 2))


def test_cut_arguments_are_told(played, generate, weather, named):
    server = played('{"loca', reason="length")
    *_, finish, _ = generate(server, "Rome?", tools=[weather], tool_choice=named("get_weather"))
    assert finish == FinishPiece(0, "length")


def test_arguments_that_do_not_fit_are_never_complete(played, request_of, weather, named):
    server = played(json.dumps({"location": 3}))
    request = request_of("Rome?", tools=[weather], tool_choice=named("get_weather"))
    pieces = []
    with pytest.raises(ValueError, match="do not fit"):
        pieces.extend(SmolLM2Engine(server).generate(request))
    assert not [piece for piece in pieces if isinstance(piece, FinishPiece)]


def test_the_refusal_phrase_is_refused_without_the_model(played, generate):
    server = played("Gladly")
    pieces = generate(server, f"Please {REFUSAL_TRIGGER}")
    assert FinishPiece(0, "content_filter") in pieces
    assert server.requests == []


def test_a_conversation_too_long_is_unfit(played, generate):
    error = {"type": "exceed_context_size_error", "message": "too long", "n_prompt_tokens": 9000}
    with pytest.raises(UnfitRequestError) as caught:
        generate(played(chunks=[{"error": error}]), "Hi")
    assert caught.value.code == "context_length_exceeded"
    assert caught.value.detail == "It has 9000 tokens of at most 8192."


def test_any_other_error_is_the_engines_own(played, generate):
    with pytest.raises(RuntimeError, match=r"llama\.cpp: no memory"):
        generate(played(chunks=[{"error": {"type": "server_error", "message": "no memory"}}]), "Hi")


def test_closing_stops_the_model(request_of):
    class Endless:
        stopped = False

        def handle_chat_completions(self, request, callback):
            part = {"index": 0, "finish_reason": None, "delta": {"content": "on and on "}}
            while not callback({"choices": [part]}):
                pass
            self.stopped = True

    server = Endless()
    pieces = SmolLM2Engine(server).generate(request_of("Hi"))
    next(pieces)
    pieces.close()
    assert server.stopped
