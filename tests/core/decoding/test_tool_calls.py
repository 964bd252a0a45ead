from __future__ import annotations

import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grayswan_core.decoding.tool_calls import (
    CallIndexer,
    CallSoFar,
    ToolCallAssembler,
    complete_ids,
    escape_surrogates,
    parse_arguments,
    past_call,
)
from grayswan_core.errors import InvalidRequestError
from grayswan_core.wire import (
    FunctionCall,
    ResponseFunctionCall,
    ResponseToolCall,
    ToolCall,
)


def assemble(*deltas):
    assembler = ToolCallAssembler()
    for delta in deltas:
        assembler.add(delta)
    return assembler.calls()


def call(call_id, name, arguments):
    return CallSoFar(call_id, name, arguments)


def deltas_of(index, whole, cuts):
    """A call as a service sends it: id and name first, then its arguments in pieces."""
    text = whole.arguments
    ends = sorted(place % (len(text) + 1) for place in cuts)
    pieces = [text[a:b] for a, b in zip([0, *ends], [*ends, len(text)], strict=True)]
    first = {
        "index": index,
        "id": whole.id,
        "type": "function",
        "function": {"name": whole.name, "arguments": pieces[0]},
    }
    return [first, *({"index": index, "function": {"arguments": piece}} for piece in pieces[1:])]


@given(st.data())
def test_calls_come_out_whole_however_their_deltas_are_mixed(data):
    count = data.draw(st.integers(min_value=0, max_value=4))
    calls = [
        call(f"call_{index}", f"tool_{index}", data.draw(st.text(max_size=20)))
        for index in range(count)
    ]
    waiting = [
        deltas_of(index, each, data.draw(st.lists(st.integers(0, 50), max_size=4)))
        for index, each in enumerate(calls)
    ]
    mixed = []
    while any(waiting):
        chosen = data.draw(st.sampled_from([deltas for deltas in waiting if deltas]))
        mixed.append(chosen.pop(0))
    assert calls == assemble(*mixed)


def test_the_first_id_stands_and_names_may_come_in_pieces():
    assert [call("call_1", "get_weather", "{}")] == assemble(
        {"index": 0, "function": {"name": "get_"}},
        {"index": 0, "id": "call_1", "function": {"name": "weather"}},
        {"index": 0, "id": "call_1", "function": {"arguments": "{}"}},
        {"index": 0, "id": None, "function": {"name": None, "arguments": None}},
    )


def test_calls_can_be_asked_for_after_every_part():
    assembler = ToolCallAssembler()
    for so_far, part in (("", None), ("{", "{"), ("{}", "}")):
        assembler.add({"function": {"name": None if part else "f", "arguments": part}})
        assert [call("", "f", so_far)] == assembler.calls()


def test_calls_become_those_of_a_whole_answer():
    assembler = ToolCallAssembler()
    assembler.add({"index": 0, "id": "call_1", "function": {"name": "f", "arguments": "{}"}})
    function = ResponseFunctionCall(name="f", arguments="{}")
    assert [ResponseToolCall(id="call_1", function=function)] == assembler.responses()


def test_a_call_without_arguments_has_empty_ones():
    assert [call("call_1", "now", "")] == assemble(
        {"index": 0, "id": "call_1", "function": {"name": "now"}}
    )


def test_calls_come_in_the_order_of_their_index():
    assert ["b", "a"] == [
        each.name
        for each in assemble(
            {"index": 7, "function": {"name": "a"}}, {"index": 2, "function": {"name": "b"}}
        )
    ]


def test_arguments_are_kept_letter_for_letter():
    text = '{"b" : 1.0,\n "a": "\\u00e9\u2028"}'
    pieces = [{"index": 0, "function": {"name": "f"}}]
    pieces += [{"index": 0, "function": {"arguments": letter}} for letter in text]
    assert text == assemble(*pieces)[0].arguments


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        (" \n", {}),
        ("null", {}),
        (" null ", {}),
        ("{}", {}),
        ('{"a": [1, {"b": null}]}', {"a": [1, {"b": None}]}),
    ],
)
def test_whole_arguments_are_read(text, expected):
    assert expected == parse_arguments(text)


@pytest.mark.parametrize(
    "text",
    ["[]", "nul", "1", '"a"', '{"a": 1', "{'a': 1}", "nonsense", "[" * 100_000, '{"a":' * 100_000],
    ids=lambda text: text[:10],
)
def test_arguments_that_are_no_json_object_are_a_value_error(text):
    with pytest.raises(ValueError):  # noqa: PT011 - the words are the JSON parser's
        parse_arguments(text)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ('{"a":  1}', '{"a":  1}'),
        ("not JSON", "not JSON"),
        ("", "{}"),
        (" \n", "{}"),
        ("null", "{}"),
        ({"a": "é"}, '{"a": "é"}'),
        ({}, "{}"),
        (None, "{}"),
    ],
)
def test_a_past_call_is_sent_with_its_arguments_as_text(arguments, expected):
    function = FunctionCall(name="f", arguments=expected)
    assert ToolCall(id="call_1", function=function) == past_call("call_1", "f", arguments)


@pytest.mark.parametrize("value", [dt.date(2026, 1, 1), {1, 2}, object()])
def test_a_past_call_with_what_is_no_json_is_refused(value):
    with pytest.raises(InvalidRequestError, match="earlier call of 'f'"):
        past_call("call_1", "f", {"value": value})


def test_half_a_character_goes_back_as_the_escape_it_came_as():
    came = '{"text": "half \\ud83d, é"}'
    sent = past_call("call_1", "f", parse_arguments(came))
    assert came == sent.function.arguments
    assert b"half" in sent.model_dump_json().encode()


@given(st.text())
def test_texts_without_surrogates_are_left_alone(text):
    assert text == escape_surrogates(text)


def test_a_past_call_may_lack_its_id_and_its_name():
    sent = past_call(None, None, None)
    assert ("", "") == (sent.id, sent.function.name)
    assert {} == json.loads(sent.function.arguments)


def test_arguments_that_are_no_json_are_refused_and_the_call_named():
    itself = {}
    itself["again"] = itself
    deep = {}
    for _ in range(100_000):
        deep = {"a": deep}
    for arguments in (itself, deep, {"a": {1}}, {"a": b"x"}, {"a": object()}, {(1, 2): 3}):
        with pytest.raises(InvalidRequestError, match="earlier call of 'pay'"):
            past_call("call_1", "pay", arguments)


# --- gateways that leave out index or id, or give them twice --------------------------------------


def delta(name=None, arguments=None, **sent):
    return {**sent, "function": {"name": name, "arguments": arguments}}


def through(*chunks):
    """The calls of a stream, each chunk a list of deltas, as an accumulator joins them."""
    indexer, assembler = CallIndexer(), ToolCallAssembler()
    for deltas in chunks:
        for each in indexer.complete(deltas):
            assembler.add(each)
    return assembler.calls()


def texts(calls):
    return [(each.name, each.arguments) for each in calls]


TWO = [("a", '{"x": 1}'), ("b", '{"x": 2}')]


@pytest.mark.parametrize("apart", [True, False], ids=["two chunks", "one chunk"])
@pytest.mark.parametrize(
    "sent",
    [
        [{}, {}],
        [{"id": ""}, {"id": ""}],
        [{"id": "1"}, {"id": "2"}],
        [{"id": "1"}, {"id": "1", "index": 1}],
        [{"index": 0}, {"index": 0}],
        [{"index": 0, "id": "1"}, {"index": 0, "id": "2"}],
        [{"index": 0, "id": ""}, {"index": 0, "id": ""}],
        [{"index": 0, "id": "1"}, {"index": 1, "id": "1"}],
        [{"index": 1}, {}],
    ],
    ids=str,
)
def test_two_whole_calls_are_two_with_an_id_each(sent, apart):
    deltas = [delta(*call, **fields) for call, fields in zip(TWO, sent, strict=True)]
    found = through(*([each] for each in deltas)) if apart else through(deltas)
    assert TWO == texts(found)
    assert 2 == len({each.id for each in found if each.id})


def test_pieces_without_an_index_continue_the_latest_call():
    found = through(
        [delta("a", '{"x"', id="1")],
        [delta(None, ": 1}")],
        [delta("b", id="2")],
        [delta(None, '{"x": 2}', id="2")],
    )
    assert [CallSoFar("1", *TWO[0]), CallSoFar("2", *TWO[1])] == found


def test_two_calls_without_index_id_or_arguments_are_two():
    assert [("a", ""), ("b", "")] == texts(through([delta("a"), delta("b")]))
    assert [("a", ""), ("b", "")] == texts(through([delta("a")], [delta("b")]))


def test_pieces_of_two_calls_that_share_an_index_go_to_the_latest():
    found = through(
        [delta("a", '{"x": 1', index=0, id="1")],
        [delta(None, "}", index=0)],
        [delta("b", '{"x": 2', index=0, id="2")],
        [delta(None, "}", index=0)],
    )
    assert TWO == texts(found)


def test_names_in_pieces_and_ids_that_come_late_are_of_one_call():
    found = through(
        [delta("get_", index=0)],
        [delta("weather", index=0, id="late")],
        [delta(None, "{}", index=0, id="late")],
    )
    assert [("get_weather", "{}")] == texts(found)


def test_a_name_that_is_said_again_is_no_piece_of_it():
    again = [delta("pay", piece, index=0, id="1") for piece in ('{"x"', ": 1", "}")]
    assert [("pay", '{"x": 1}')] == texts(through(*([each] for each in again)))
    assert [("haha", "")] == texts(through([delta("ha", index=0, id="1")], [delta("ha", index=0)]))


@given(st.data())
def test_deltas_that_come_in_one_chunk_are_one_for_each_call(data):
    """The frameworks join deltas of one call from chunk to chunk, not those of one chunk."""
    calls = [call(f"call_{index}", f"tool_{index}", '{"a": 1}') for index in range(2)]
    flat = [each for index in range(2) for each in deltas_of(index, calls[index], [2, 5])]
    chunks = []
    while flat:
        size = data.draw(st.integers(1, len(flat)))
        chunks.append(flat[:size])
        del flat[:size]
    indexer, assembler = CallIndexer(), ToolCallAssembler()
    for deltas in chunks:
        joined = indexer.complete(deltas)
        assert len(joined) == len({each["index"] for each in joined})
        for each in joined:
            assembler.add(each)
    assert calls == assembler.calls()


def test_an_id_of_ours_stands_on_every_delta_that_has_one():
    chunks = [[delta("a", index=0)], [delta(None, "{}", index=0, id="late")], [delta(index=0)]]
    (found,) = through(*chunks)
    assert [found.id, found.id, None] == [deltas[0].get("id") for deltas in chunks]


@given(st.data())
def test_what_the_api_sends_is_left_as_it_is(data):
    count = data.draw(st.integers(min_value=1, max_value=3))
    calls = [
        call(f"call_{index}", f"tool_{index}", json.dumps(data.draw(st.text(max_size=9))))
        for index in range(count)
    ]
    sent = [
        deltas_of(index, each, data.draw(st.lists(st.integers(0, 50), max_size=4)))
        for index, each in enumerate(calls)
    ]
    flat = [each for deltas in sent for each in deltas]
    before = json.loads(json.dumps(flat))
    assert calls == through(*([each] for each in flat))
    assert before == flat


def test_a_name_begins_another_call_only_after_whole_arguments():
    found = through(
        [delta("a", '{"x": "}', index=0)], [delta("b", '"}', index=0)], [delta("c", "{}", index=0)]
    )
    assert [("ab", '{"x": "}"}'), ("c", "{}")] == texts(found)


def test_calls_of_a_negative_index_are_calls_too():
    found = through([delta("a", "{}", index=-1)], [delta("b", "{}")], [delta("c", "{}", index=0)])
    assert ["a", "b", "c"] == [each.name for each in found]


def test_whole_calls_get_the_ids_that_they_lack():
    function = ResponseFunctionCall(name="f", arguments="{}")
    calls = [ResponseToolCall(id=each, function=function) for each in ("", "1", "1", "")]
    complete_ids(calls)
    assert "1" == calls[1].id
    assert 4 == len({each.id for each in calls if each.id})
