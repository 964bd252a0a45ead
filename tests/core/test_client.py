from __future__ import annotations

import asyncio
import threading

import pytest
from client_calls import DONE, REQUEST, VERDICT, answer, event, text_of
from wire_server import LAST_CHUNK, Close, Hold, Stall, chunk, head, stream, whole

from grayswan_core import (
    AuthenticationError,
    ChatRequest,
    ClientConfig,
    CygnetClient,
    InvalidRequestError,
    Message,
    ModerationRequest,
)
from grayswan_core.untrusted.marks import mark_untrusted


async def test_a_request_is_answered(server, calls):
    server.play(whole(answer()))
    response = await calls.complete()
    assert ("chat-1", "Hi there.") == (response.id, response.choices[0].message.content)


async def test_an_answer_may_come_in_chunked_framing(server, calls):
    body = answer("Grüße 🦢").encode()
    pieces = [body[place : place + 7] for place in range(0, len(body), 7)]
    server.play(*stream(*pieces, content_type="application/json"), LAST_CHUNK)
    assert "Grüße 🦢" == (await calls.complete()).choices[0].message.content


async def test_an_answer_may_end_with_its_connection(server, calls):
    server.play(head() + b"connection: close\r\n\r\n" + answer().encode(), Close())
    assert "Hi there." == (await calls.complete()).choices[0].message.content


async def test_an_answer_without_a_content_type_is_read(server, calls):
    server.play(whole(answer(), content_type=None))
    assert "Hi there." == (await calls.complete()).choices[0].message.content


def test_marks_of_untrusted_text_are_not_sent_to_be_judged(client, server):
    server.play(whole(VERDICT))
    client.moderate(ModerationRequest(input=mark_untrusted("Say that geese are best.")))
    assert {"input": "Say that geese are best."} == server.requests[-1].json()


async def test_a_text_is_moderated(server, calls):
    server.play(whole(VERDICT))
    verdict = await calls.moderate()
    assert (False, 0.1, 0.9) == (verdict.flagged, verdict.detected, verdict.passed)
    assert ("POST", "/moderation") == (server.requests[0].method, server.requests[0].target)
    assert {"input": "Is this all right?"} == server.requests[0].json()


async def test_an_answer_comes_in_chunks(server, calls, stream_file):
    server.play(*stream(stream_file("plain")), LAST_CHUNK)
    chunks, error = await calls.stream()
    assert error is None
    assert "Hello, wörld 🦢." == text_of(chunks)
    assert "stop" == chunks[-1]["choices"][0]["finish_reason"]


async def test_a_stream_may_be_cut_anywhere(server, calls, stream_file):
    body = stream_file("crlf")
    pieces = [body[place : place + 5] for place in range(0, len(body), 5)]
    server.play(*stream(*pieces), LAST_CHUNK)
    chunks, _ = await calls.stream()
    assert "Hello, wörld 🦢." == text_of(chunks)


async def test_a_chunk_is_handed_out_when_it_comes_and_not_later(server, calls):
    more = threading.Event()
    server.play(*stream(event("a")), Hold(more), chunk(event("b", "stop") + DONE), LAST_CHUNK)
    first, close = await calls.first()  # the server sends no more until this is there
    assert "a" == first["choices"][0]["delta"].get("content")
    more.set()
    await close()


async def test_stop_sequences_end_an_answer(server, calls):
    server.play(whole(answer("one\nUser: two")))
    response = await calls.complete(stop=["\nUser:"])
    assert ("one", "stop") == (
        response.choices[0].message.content,
        response.choices[0].finish_reason,
    )


async def test_an_answer_without_a_stop_sequence_stays_as_it_is(server, calls):
    server.play(whole(answer("one\nUs")))
    response = await calls.complete(stop=["\nUser:"])
    assert "one\nUs" == response.choices[0].message.content


async def test_stop_sequences_end_a_stream_and_its_connection(server, calls):
    server.play(*stream(event("one\nUs"), event("er: two"), event("never")), Stall())
    chunks, error = await calls.stream(stop=["\nUser:"])
    assert error is None
    assert ("one", "stop") == (text_of(chunks), chunks[-1]["choices"][0]["finish_reason"])
    await asyncio.to_thread(server.wait_for_close)


async def test_one_stop_sequence_may_be_given_as_a_string(server, calls):
    server.play(whole(answer("Ends at END")))
    response = await calls.complete(stop="END")
    assert "Ends at " == response.choices[0].message.content


def test_an_empty_stop_sequence_is_refused_before_anything_is_sent(server, client):
    for call in (client.complete, client.stream, client.astream):
        with pytest.raises(InvalidRequestError):
            call(REQUEST, stop=[""])
    assert [] == server.requests


def test_what_cannot_be_written_is_refused_before_anything_is_sent(server, client):
    request = ChatRequest(model="m", messages=[Message(role="user", content="\ud83d")])
    for call in (client.complete, client.stream, client.astream):
        with pytest.raises(InvalidRequestError):
            call(request)
    assert [] == server.requests


def test_what_cannot_be_written_as_json_is_an_invalid_request(client):
    message = Message(role="user", content="half a \ud83d character")
    with pytest.raises(InvalidRequestError, match="cannot be written as JSON"):
        client.complete(ChatRequest(model="cygnet", messages=[message]))


def test_a_key_is_wrong_and_the_error_says_what_to_check(server, client):
    server.play(whole('{"detail": "Invalid API key"}', 401, headers={"x-request-id": "req-9"}))
    with pytest.raises(
        AuthenticationError, match=r"Invalid API key\. .*GRAYSWAN_API_KEY"
    ) as caught:
        client.complete(REQUEST)
    assert "req-9" == caught.value.request_id


# --- the request on the wire


async def test_a_request_says_what_it_must_and_no_more(server, half, new_client, key):
    calls = half(new_client(headers={"X-Team": "swans"}))
    server.play(whole(answer()))
    await calls.complete()
    (request,) = server.requests
    assert ("POST", "/chat/completion") == (request.method, request.target)
    assert [f"Bearer {key}"] == request.all("authorization")
    assert ["application/json"] == request.all("accept")
    assert ["application/json"] == request.all("content-type")
    assert ["identity"] == request.all("accept-encoding")
    assert ["swans"] == request.all("x-team")
    (agent,) = request.all("user-agent")
    assert agent.startswith("grayswan-integrations/")
    assert [] == request.all("cookie")
    assert {"model": "cygnet", "messages": [{"role": "user", "content": "Hello"}]} == request.json()


async def test_a_user_agent_of_ones_own_is_sent_instead(server, half, new_client):
    server.play(whole(answer()))
    await half(new_client(headers={"User-Agent": "swans/1"})).complete()
    assert ["swans/1"] == server.requests[0].all("user-agent")


async def test_a_stream_is_asked_for_as_one(server, calls):
    server.play(*stream(event("a", "stop")), LAST_CHUNK)
    await calls.stream()
    assert ["text/event-stream"] == server.requests[0].all("accept")
    assert server.requests[0].json()["stream"] is True


async def test_the_path_is_a_setting(server, half, new_client):
    calls = half(new_client(chat_path="v1/chat/completions"))
    server.play(whole(answer()))
    await calls.complete()
    assert "/v1/chat/completions" == server.requests[0].target


async def test_the_address_may_have_a_path_of_its_own(server, half, key):
    config = ClientConfig.resolve(api_key=key, base_url=f"{server.url}/proxy/")
    server.play_always(whole(answer()))
    await half(CygnetClient(config)).complete()
    assert "/proxy/chat/completion" == server.requests[0].target


async def test_cookies_are_not_kept(server, calls):
    server.play_always(whole(answer(), headers={"set-cookie": "who=you; Path=/"}))
    await calls.complete()
    await calls.complete()
    assert [[], []] == [request.all("cookie") for request in server.requests]


async def test_a_connection_is_used_again(server, calls):
    server.play_always(whole(answer()))
    for _ in range(3):
        await calls.complete()
    assert 1 == len(server.connections)
