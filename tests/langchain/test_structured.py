from __future__ import annotations

import pytest
from langchain_core.exceptions import OutputParserException
from pydantic import BaseModel, ValidationError
from pydantic.v1 import BaseModel as BaseModelV1
from typing_extensions import TypedDict

from grayswan_devserver import Answer, Call, RawResponse
from langchain_grayswan import ChatGraySwan
from langchain_grayswan.errors import ModelRefusalError, RateLimitError

pytestmark = pytest.mark.filterwarnings("ignore:.*Pydantic V1.*:UserWarning")

# Where langchain-core has no error for refusals, the parser's says it.
HAS_REFUSALS = hasattr(ModelRefusalError, "from_refusal")
WITHHELD = ModelRefusalError if HAS_REFUSALS else OutputParserException


class Person(BaseModel):
    """Somebody."""

    name: str
    age: int


class PersonV1(BaseModelV1):
    """Somebody."""

    name: str
    age: int


class PersonDict(TypedDict):
    """Somebody."""

    name: str
    age: int


FIELDS = {"name": {"type": "string"}, "age": {"type": "integer"}}
PARAMETERS = {"type": "object", "properties": FIELDS, "required": ["name", "age"]}
JSON_SCHEMA = {"title": "Person", "description": "Somebody.", **PARAMETERS}
FUNCTION = {"name": "Person", "description": "Somebody.", "parameters": PARAMETERS}
TOOL = {"type": "function", "function": FUNCTION}

ANN = {"name": "Ann", "age": 41}


def called(arguments=ANN, name="Person", **fields):
    return Answer(tool_calls=[Call(name, arguments)], **fields)


@pytest.mark.parametrize(
    ("schema", "name", "output"),
    [
        (Person, "Person", Person(**ANN)),
        (PersonV1, "PersonV1", PersonV1(**ANN)),
        (PersonDict, "PersonDict", ANN),
        (JSON_SCHEMA, "Person", ANN),
        (TOOL, "Person", ANN),
    ],
    ids=["pydantic", "pydantic v1", "TypedDict", "JSON Schema", "tool"],
)
async def test_every_kind_of_schema_gives_its_kind_of_output(model, server, schema, name, output):
    structured = model.with_structured_output(schema)
    server.script(*[called(name=name)] * 4)

    assert structured.invoke("Who?") == output
    assert await structured.ainvoke("Who?") == output
    assert list(structured.stream("Who?"))[-1] == output
    assert [part async for part in structured.astream("Who?")][-1] == output
    assert {request.body["tool_choice"]["function"]["name"] for request in server.requests} == {
        name
    }


def test_a_stream_gives_the_output_as_far_as_it_has_come(model, server):
    server.script(called({"name": "Ann Other", "age": 41}))

    parts = list(model.with_structured_output(JSON_SCHEMA).stream("Who?"))

    assert parts[0] == {}
    assert parts[-1] == {"name": "Ann Other", "age": 41}
    assert len(parts) > 3


@pytest.mark.parametrize("method", ["function_calling", "json_schema", "json_mode"])
@pytest.mark.parametrize("strict", [None, False, True])
def test_every_method_calls_the_tool(model, server, method, strict):
    structured = model.with_structured_output(Person, method=method, strict=strict)
    server.script(called())

    assert structured.invoke("Who?") == Person(**ANN)
    assert set(server.last.body) == {"messages", "model", "tools", "tool_choice"}


def test_what_is_not_known_is_refused(model):
    with pytest.raises(ValueError, match="method is one of"):
        model.with_structured_output(Person, method="magic")
    with pytest.raises(ValueError, match="takes no tools"):
        model.with_structured_output(Person, tools=[])
    with pytest.raises(ValueError, match="cannot be described"):
        model.with_structured_output({"type": "object", "properties": {}})


NO_CALL = Answer("I would rather talk.")
CUT_TEXT = Answer("I would rath", finish_reason="length")
CUT_CALL = called('{"name": "An', finish_reason="length")
WHOLE_BUT_CUT = called(finish_reason="length")
BAD_JSON = called('{"name": oops}')
REFUSED = Answer("I cannot help.", finish_reason="content_filter")


WRONG_TYPE = called({"name": "Ann", "age": "old"})


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (NO_CALL, OutputParserException, "did not call 'Person'.*I would rather talk"),
        (CUT_TEXT, OutputParserException, "cut before 'Person' was whole.*length"),
        (CUT_CALL, OutputParserException, "cut in the middle of a call.*length"),
        (WHOLE_BUT_CUT, OutputParserException, "cut before 'Person' was whole"),
        (BAD_JSON, OutputParserException, "no JSON object.*oops"),
        (REFUSED, WITHHELD, "refused.*I cannot help"),
    ],
    ids=["no call", "cut text", "cut call", "cut after the call", "bad JSON", "refusal"],
)
@pytest.mark.parametrize("schema", [Person, JSON_SCHEMA], ids=["pydantic", "JSON Schema"])
async def test_no_output_is_an_error_that_says_why(model, server, schema, answer, error, words):
    structured = model.with_structured_output(schema)
    server.script(*[answer] * 4)

    with pytest.raises(error, match=words):
        structured.invoke("Who?")
    with pytest.raises(error, match=words):
        await structured.ainvoke("Who?")
    with pytest.raises(error, match=words):
        list(structured.stream("Who?"))
    with pytest.raises(error, match=words):
        [part async for part in structured.astream("Who?")]


@pytest.mark.parametrize("how", ["invoke", "stream"])
@pytest.mark.parametrize("schema", [Person, JSON_SCHEMA], ids=["pydantic", "JSON Schema"])
def test_output_is_found_behind_another_call(model, server, schema, how):
    structured = model.with_structured_output(schema)
    server.script(Answer(tool_calls=[Call("search", {"q": "Ann"}), Call("Person", ANN)]))

    output = structured.invoke("Who?") if how == "invoke" else [*structured.stream("Who?")][-1]
    assert (output if isinstance(output, dict) else output.model_dump()) == ANN


def test_the_schema_of_the_output_is_the_class(model):
    assert model.with_structured_output(Person).get_output_schema() is Person
    fields = str(model.with_structured_output(PersonDict).get_output_jsonschema())
    assert "'name': {" in fields
    assert "'age': {" in fields


def test_output_that_the_class_does_not_take_is_its_own_error(model, server):
    structured = model.with_structured_output(Person)
    server.script(called({"name": "Ann"}), called({"name": "Ann"}))

    with pytest.raises(ValidationError):
        structured.invoke("Who?")
    with pytest.raises(ValidationError):
        list(structured.stream("Who?"))


class TestIncludeRaw:
    async def test_all_is_well(self, model, server):
        structured = model.with_structured_output(Person, include_raw=True)
        server.script(called(), called())

        for output in (structured.invoke("Who?"), await structured.ainvoke("Who?")):
            assert output["parsed"] == Person(**ANN)
            assert output["parsing_error"] is None
            assert output["raw"].tool_calls[0]["args"] == ANN

    @pytest.mark.parametrize("answer", [NO_CALL, CUT_TEXT, CUT_CALL, BAD_JSON, REFUSED])
    async def test_an_error_is_told(self, model, server, answer):
        structured = model.with_structured_output(Person, include_raw=True)
        server.script(answer, answer)

        for output in (structured.invoke("Who?"), await structured.ainvoke("Who?")):
            assert output["parsed"] is None
            assert isinstance(output["parsing_error"], OutputParserException | ModelRefusalError)
            assert output["raw"].response_metadata["finish_reason"] == answer.reason

    def test_what_came_of_a_call_that_was_cut_is_kept(self, model, server):
        server.script(CUT_CALL)

        output = model.with_structured_output(Person, include_raw=True).invoke("Who?")

        assert [c["args"] for c in output["raw"].invalid_tool_calls] == ['{"name": "An']
        assert "length" in str(output["parsing_error"])

    @pytest.mark.parametrize("answer", [NO_CALL, CUT_TEXT, CUT_CALL, BAD_JSON, REFUSED, WRONG_TYPE])
    @pytest.mark.parametrize("how", ["stream", "astream", "streaming=True"])
    async def test_an_error_is_told_in_a_stream_too(self, server, answer, how):
        """langchainjs #7116, #8823; langchain #32977, #38561."""
        model = ChatGraySwan(base_url=server.url, api_key="k", streaming=how == "streaming=True")
        structured = model.with_structured_output(Person, include_raw=True)
        server.script(answer)

        if how == "astream":
            parts = [part async for part in structured.astream("Who?")]
        elif how == "stream":
            parts = list(structured.stream("Who?"))
        else:
            parts = [structured.invoke("Who?")]
        output = parts[0]
        for part in parts[1:]:
            output = output + part

        assert output["parsed"] is None
        assert isinstance(
            output["parsing_error"], OutputParserException | ModelRefusalError | ValidationError
        )
        assert output["raw"].response_metadata["finish_reason"] == answer.reason
        assert output["raw"].text == answer.text
        if answer is not WRONG_TYPE:
            assert output["raw"].tool_calls == []
        server.script(answer)
        whole = structured.invoke("Who?", stream=False)
        assert output["raw"].usage_metadata == whole["raw"].usage_metadata is not None

    def test_what_came_of_a_call_that_was_cut_is_kept_in_a_stream(self, server, model, stream_of):
        begun = {"index": 0, "id": "1", "function": {"name": "Person", "arguments": '{"na'}}
        cut = {"index": 0, "function": {"arguments": 'me": "An'}}
        server.script(
            stream_of(
                {"content": "So: "},
                {"tool_calls": [begun]},
                {"content": "and", "tool_calls": [cut], "finish_reason": "length"},
            )
        )
        parts = list(model.with_structured_output(Person, include_raw=True).stream("Who?"))

        raw = parts[0]["raw"]
        for part in parts[1:]:
            raw = raw + part["raw"]
        assert raw.text == "So: and"
        assert [c["args"] for c in raw.invalid_tool_calls] == ['{"name": "An']
        assert "length" in str(parts[-1]["parsing_error"])

    def test_raw_comes_as_it_arrives(self, model, server):
        server.script(called())

        parts = model.with_structured_output(Person, include_raw=True).stream("Who?")
        assert set(next(parts)) == {"raw"}
        assert list(parts)[-1] == {"parsed": Person(**ANN), "parsing_error": None}

    def test_other_errors_are_raised(self, model, server):
        structured = model.with_structured_output(Person, include_raw=True)
        server.script(*[RawResponse(b'{"message": "busy"}', status=429)] * 2)

        with pytest.raises(RateLimitError):
            structured.invoke("Who?")
        with pytest.raises(RateLimitError):
            list(structured.stream("Who?"))

    def test_it_can_be_streamed(self, model, server):
        server.script(called())

        parts = list(model.with_structured_output(Person, include_raw=True).stream("Who?"))
        whole = parts[0]
        for part in parts[1:]:
            whole = whole + part

        assert whole["parsed"] == Person(**ANN)


async def test_a_model_that_does_not_stream_gives_its_output_in_one(server):
    model = ChatGraySwan(base_url=server.url, api_key="test-key-000", disable_streaming=True)
    structured = model.with_structured_output(Person)
    server.script(called(), called(), NO_CALL)

    assert list(structured.stream("Who?")) == [Person(**ANN)]
    assert [part async for part in structured.astream("Who?")] == [Person(**ANN)]
    with pytest.raises(OutputParserException, match="did not call"):
        list(structured.stream("Who?"))
