"""How violations are read, sync and async alike; a chunk is a text, and a whole response too."""

import asyncio

import pytest

from grayswan_core.cygnal.completions import (
    AsyncReadCall,
    CompletionDialect,
    ReadCall,
    RefusalTail,
)
from grayswan_core.cygnal.protection import DEFAULT_REFUSAL

CALL = "<call>"
END = "<violation>"


class Texts(CompletionDialect):
    def read(self, response):
        return f"refused: {response}"

    def split(self, held, *, before, cut, said):
        assert "".join(map(self.text, held)) == cut + said
        return [f"before: {before}", f"cut: {cut}", f"refused: {said}"]

    def text(self, chunk):
        return "" if chunk in (CALL, END) else chunk

    def has_calls(self, chunk):
        return chunk == CALL

    def is_refused(self, chunk):
        return chunk == END


def run(dialect, chunks, *, is_async):
    """What a stream gives, and whether it was closed."""
    closed = []

    def own(sent):
        try:
            yield from chunks
        finally:
            closed.append(True)

    async def aown(sent):
        for chunk in own(sent):
            yield chunk

    async def read():
        return [each async for each in AsyncReadCall(dialect, ["Hello"]).stream(aown)]

    given = asyncio.run(read()) if is_async else list(ReadCall(dialect, ["Hello"]).stream(own))
    assert [True] == closed
    return given


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def stream(request):
    return lambda dialect, chunks: run(dialect, chunks, is_async=request.param)


@pytest.mark.parametrize(
    "refusal", [[DEFAULT_REFUSAL], list(DEFAULT_REFUSAL), ["Policy says no."]], ids=len
)
def test_the_cut_text_and_the_refusal_are_told_apart(stream, refusal):
    *released, before, cut, refused = stream(Texts(None), ["Well ", "then: ", *refusal, END])
    text = "".join(released)
    assert f"before: {text}" == before
    text += cut.removeprefix("cut: ")
    assert ("Well then: ", f"refused: {''.join(refusal)}") == (text, refused)


def test_a_policys_own_words(stream):
    given = stream(Texts("No. Policy 7."), ["Well ", *"No. Policy 7.", END])
    assert "refused: No. Policy 7." == given[-1]


def test_anything_else_is_as_it_was(stream):
    chunks = ["Well ", "then", "", "and a text that is longer than any refusal would ever be."]
    assert chunks == stream(Texts(None), chunks)
    assert [] == stream(Texts(None), [])


def test_no_more_is_held_back_than_a_refusal_has():
    tail = RefusalTail(Texts("No."))
    released = [tail.add(letter) for letter in "abcde"]
    assert [[], [], [], ["a"], ["b"]] == released
    assert ["c", "d", "e"] == tail.end()


def test_a_call_is_held_back_to_the_end(stream):
    assert ["cut: Well ", f"refused: {DEFAULT_REFUSAL}"] == stream(
        Texts(None), ["Well ", CALL, *DEFAULT_REFUSAL, END]
    )[-2:]
    chunks = ["Well ", CALL, "and a text that is longer than any refusal would ever be."]
    assert chunks == stream(Texts(None), chunks)
    tail = RefusalTail(Texts("No."))
    assert [[], [], []] == [tail.add(each) for each in chunks]


def test_a_whole_response():
    async def ask(sent):
        return sent[0]

    assert "refused: Hello" == ReadCall(Texts(None), ["Hello"]).respond(lambda sent: sent[0])
    assert "refused: Hello" == asyncio.run(AsyncReadCall(Texts(None), ["Hello"]).respond(ask))
