import pytest
from llama_index.core.base.llms.types import ToolCallBlock
from llama_index.core.llms import ChatMessage, ChatResponse
from llama_index.core.tools import FunctionTool

from grayswan_core import InvalidRequestError, ToolCallArgumentsError, ToolCallMissingError
from llama_index_grayswan.tools import offered_tools, sent_choice, sent_name, tool_selections


def tool(name, description="Does it."):
    def run(text: str) -> str:
        return text

    return FunctionTool.from_defaults(run, name=name, description=description)


def response(*arguments, text="", delta=None, finish_reason=None):
    calls = [
        ToolCallBlock(tool_call_id=str(number), tool_name="run", tool_kwargs=each)
        for number, each in enumerate(arguments)
    ]
    message = ChatMessage(text, role="assistant")
    message.blocks.extend(calls)
    about = {"finish_reason": finish_reason} if finish_reason else {}
    return ChatResponse(message=message, delta=delta, additional_kwargs=about)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("add", "add"), ("a-b_C1", "a-b_C1"), ("Box[int]", "Box_int_"), ("größe", "gr__e")],
)
def test_names_are_sent_in_plain_letters(name, expected):
    assert sent_name(name) == expected


def test_a_tool_is_offered_with_its_schema():
    (found,), renamed = offered_tools([tool("run", "x" * 2000)])
    assert found["type"] == "function"
    assert found["function"]["name"] == "run"
    assert found["function"]["description"] == "x" * 2000
    assert found["function"]["parameters"]["required"] == ["text"]
    assert renamed == {}


def test_a_tool_that_is_not_described_is_offered_all_the_same():
    plain = tool("run")
    plain.metadata.description = None
    assert offered_tools([plain])[0][0]["function"]["description"] == ""


def test_other_names_are_remembered():
    found, renamed = offered_tools([tool("run"), tool("Box[int]")])
    assert [each["function"]["name"] for each in found] == ["run", "Box_int_"]
    assert renamed == {"Box_int_": "Box[int]"}


def test_two_tools_under_one_name_are_refused():
    with pytest.raises(InvalidRequestError, match="would both be sent as 'Box_int_'"):
        offered_tools([tool("Box[int]"), tool("Box_int_")])


@pytest.mark.parametrize(
    ("choice", "required", "expected"),
    [
        (None, False, None),
        (None, True, "required"),
        ("auto", False, "auto"),
        ("none", True, "none"),
        ("any", False, "any"),
        ("add", False, "add"),
        ("Box[int]", True, "Box_int_"),
        ({"type": "function", "function": {"name": "Box[int]"}}, False, "Box_int_"),
        ({"type": "tool", "name": "add"}, False, "add"),
        ({"type": "any"}, False, "any"),
        (False, False, None),
        (True, False, True),
    ],
)
def test_choices(choice, required, expected):
    offered = [{"function": {"name": name}} for name in ("add", "pay")]
    assert sent_choice(choice, offered, required=required) == expected


@pytest.mark.parametrize(("names", "expected"), [([], None), (["add"], "add")])
def test_of_one_tool_that_is_required_the_name_is_chosen(names, expected):
    offered = [{"function": {"name": name}} for name in names]
    assert sent_choice(None, offered, required=True) == expected


def test_calls_are_read():
    (found,) = tool_selections(response('{"text": "x"}'), required=True)
    assert (found.tool_id, found.tool_name, found.tool_kwargs) == ("0", "run", {"text": "x"})


def test_arguments_may_be_a_mapping_already():
    (found,) = tool_selections(response({"text": "x"}), required=True)
    assert found.tool_kwargs == {"text": "x"}


@pytest.mark.parametrize("text", ["", " \n", "null"])
def test_no_arguments_are_none(text):
    assert tool_selections(response(text), required=True)[0].tool_kwargs == {}


def test_several_calls_keep_their_order():
    found = tool_selections(response("{}", "{}", "{}"), required=True)
    assert [call.tool_id for call in found] == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("{", {}),
        ('{"te', {}),
        ('{"text": "so f', {"text": "so f"}),
        ('{"a": [1, 2', {"a": [1, 2]}),
        ("nonsense", {}),
        ("[1", {}),
    ],
)
def test_in_mid_stream_arguments_are_as_far_as_they_have_come(text, expected):
    (found,) = tool_selections(response(text, delta=""), required=True)
    assert found.tool_kwargs == expected


@pytest.mark.parametrize("text", ["{", '{"text": "so f', "nonsense", "[1]", '"text"'])
@pytest.mark.parametrize(
    "ended", [{"delta": None}, {"delta": "", "finish_reason": "tool_calls"}], ids=["whole", "end"]
)
def test_at_the_end_arguments_must_be_an_object(text, ended):
    with pytest.raises(ToolCallArgumentsError, match="'run' cannot be read"):
        tool_selections(response(text, **ended), required=False)


@pytest.mark.parametrize("text", ["{", "{'text': 1}", "[1]", '"text"', '{"text": 1}}'])
def test_calls_that_cannot_be_read_may_be_turned_into_calls_that_no_tool_answers(text):
    good, bad = tool_selections(response('{"text": "x"}', text), required=False, strict=False)
    assert (good.tool_name, good.tool_kwargs) == ("run", {"text": "x"})
    assert (bad.tool_id, bad.tool_kwargs) == ("1", {})
    assert bad.tool_name.startswith("run was not run, because its arguments are not a JSON object")


def test_no_call_is_no_call():
    assert tool_selections(response(text="Hello"), required=False) == []


def test_a_missing_call_quotes_the_text_instead():
    refused = response(text="I will not. " * 100, finish_reason="content_filter")
    with pytest.raises(ToolCallMissingError, match=r"Its text is 'I will not\..*'content_filter'"):
        tool_selections(refused, required=True)
