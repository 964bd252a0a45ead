from __future__ import annotations

import datetime as dt
import json

import pytest

from grayswan_core import UnsupportedContentError
from langchain_grayswan.blocks import STAYS_BEHIND, joined_text

TEXT = {"type": "text", "text": "said"}
TRUSTED_AND_DATA = ["system", "user", "data"]


def text_of(*blocks, role):
    return joined_text(list(blocks), role, "message")


@pytest.mark.parametrize("role", ["system", "user", "data", "tool"])
def test_blocks_do_not_run_together(role):
    """langchain-mcp-adapters #34669: a tool that returns [2, 3, 5] is read as 235."""
    numbers = [{"type": "text", "text": number} for number in "235"]

    assert text_of(*numbers, role=role) == "2\n3\n5"
    assert text_of("Be brief.", TEXT, role=role) == "Be brief.\nsaid"


def test_an_assistants_blocks_are_pieces_of_one_text():
    assert text_of(TEXT, " so", {"type": "text", "text": " far"}, role="assistant") == "said so far"


@pytest.mark.parametrize("role", [*TRUSTED_AND_DATA, "tool", "assistant"])
@pytest.mark.parametrize(
    "block",
    [
        {"type": "text", "text": None},
        {"type": "text"},
        {"type": "text", "text": ""},
        {"cachePoint": {"type": "default"}},
        {"type": "cachePoint", "cachePoint": {"type": "default"}},
    ],
    ids=repr,
)
def test_what_says_nothing_leaves_no_trace(block, role):
    assert text_of(block, TEXT, block, role=role) == "said"


def test_a_text_without_a_type_is_a_text():
    """Bedrock's form."""
    for role in [*TRUSTED_AND_DATA, "tool", "assistant"]:
        assert text_of({"text": "said"}, role=role) == "said"


@pytest.mark.parametrize("kind", sorted(STAYS_BEHIND))
def test_other_models_blocks_stay_behind_in_an_assistants_message_alone(kind):
    """langchain #31279, #31280."""
    block = {"type": kind, kind: {"text": "hm", "signature": "s"}, "id": "1"}

    assert text_of(block, TEXT, role="assistant") == "said"
    for role in TRUSTED_AND_DATA:
        with pytest.raises(UnsupportedContentError, match=repr(kind)):
            text_of(block, TEXT, role=role)


def test_what_is_on_no_list_is_refused():
    with pytest.raises(UnsupportedContentError, match="'hologram' in a message"):
        text_of({"type": "hologram"}, role="assistant")


@pytest.mark.parametrize(
    "data",
    [
        {"type": "file", "name": "a.txt", "size": 3},
        {"type": "json", "json": {"a": 1}},
        {"type": "json", "json": {"url": "https://example.test"}},
        {"type": "search_result", "title": "Swans", "rank": 1.5},
        {"title": "žluťoučký", "tags": ["a", None, True]},
        {"type": {"nested": []}},
        {"text": "a swan", "score": 0.5},
    ],
    ids=repr,
)
def test_a_tools_data_is_sent_as_json(data):
    """langchain #24626, langgraph #7985."""
    assert json.loads(text_of(data, role="tool")) == data


def test_a_tools_data_may_hold_what_is_no_json():
    assert text_of({"day": dt.date(2026, 1, 1)}, role="tool") == '{"day": "2026-01-01"}'


@pytest.mark.parametrize(
    "media",
    [
        {"type": "image", "base64": "aGk="},
        {"type": "image", "url": "https://example.test/cat.png"},
        {"type": "file", "file_id": "file-1"},
        {"type": "document", "source": {"type": "text", "data": "A page."}},
        {"type": "image_url", "image_url": {"url": "https://example.test/cat.png"}},
        {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,aGk="}},
        {"data": "aGk="},
    ],
    ids=repr,
)
def test_media_is_refused_in_a_tools_result(media):
    with pytest.raises(UnsupportedContentError, match="reads text only"):
        text_of(TEXT, media, role="tool")
