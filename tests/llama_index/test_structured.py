"""Streamed structured output: forced by name, whole at the end, and an error instead of blanks."""

import json

import pytest
from llama_index.core.program import LLMTextCompletionProgram
from llama_index.core.prompts import PromptTemplate
from llama_index.core.types import PydanticProgramMode
from pydantic import BaseModel, model_validator

from grayswan_core import (
    ContentFilterError,
    IncompleteStreamError,
    ToolCallArgumentsError,
    ToolCallMissingError,
)
from grayswan_devserver import Answer, Call, RawResponse

PROMPT = PromptTemplate("Who is it? {hint}")


class Person(BaseModel):
    """A person."""

    name: str
    age: int


class Wishes(BaseModel):
    """Wishes, if there are any."""

    first: str | None = None
    second: str | None = None


class Careless(BaseModel):
    """Has a validator that stumbles over what is missing."""

    name: str

    @model_validator(mode="before")
    @classmethod
    def _look(cls, values):
        values["name"].strip()
        return values


ANN = '{"name": "Ann Lee", "age": 41}'


@pytest.fixture(params=["sync", "async"])
def streamed(request, llm):
    """All objects of a streamed structured prediction."""

    async def objects(kind, model=llm, **given):
        if request.param == "sync":
            return list(model.stream_structured_predict(kind, PROMPT, hint="Ann", **given))
        stream = await model.astream_structured_predict(kind, PROMPT, hint="Ann", **given)
        return [each async for each in stream]

    return objects


async def test_the_object_comes_into_being(streamed, grayswan_server):
    grayswan_server.script(Answer(tool_calls=[Call("Person", ANN)]))
    found = await streamed(Person)
    assert type(found[-1]) is Person
    assert found[-1] == Person(name="Ann Lee", age=41)
    names = [each.name for each in found if each.name is not None]
    assert all("Ann Lee".startswith(name) for name in names)
    assert type(found[0]) is not Person
    assert [type(each) for each in found].count(Person) >= 1


async def test_the_tool_is_forced_by_name(streamed, sent):
    await streamed(Person)
    assert sent()["tool_choice"] == {"type": "function", "function": {"name": "Person"}}
    assert [tool["function"]["name"] for tool in sent()["tools"]] == ["Person"]


async def test_the_callers_choice_is_left_out_and_other_arguments_are_sent(streamed, sent):
    await streamed(Person, llm_kwargs={"tool_choice": "none", "temperature": 0.25})
    assert sent()["tool_choice"]["function"]["name"] == "Person"
    assert sent()["temperature"] == 0.25


async def test_the_system_prompt_is_sent(streamed, make_llm, sent):
    await streamed(Person, make_llm(system_prompt="Be exact."))
    assert sent()["messages"][0] == {"role": "system", "content": "Be exact."}


async def test_text_instead_of_an_object_is_an_error(streamed, grayswan_server):
    grayswan_server.script(Answer("I would rather not."))
    with pytest.raises(ToolCallMissingError, match="I would rather not"):
        await streamed(Wishes)


async def test_a_refusal_instead_of_an_object_is_an_error(streamed, grayswan_server, make_llm):
    refusal = Answer("I will not.", finish_reason="content_filter")
    grayswan_server.script(refusal, refusal)
    with pytest.raises(ToolCallMissingError, match="content_filter"):
        await streamed(Wishes)
    with pytest.raises(ContentFilterError):
        await streamed(Wishes, make_llm(raise_on_content_filter=True))


async def test_an_object_that_lacks_a_field_is_an_error(streamed, grayswan_server):
    grayswan_server.script(Answer(tool_calls=[Call("Person", {"name": "Ann"})]))
    with pytest.raises(ToolCallArgumentsError, match="not a Person: age: Field required"):
        await streamed(Person)


async def test_broken_json_is_an_error(streamed, grayswan_server):
    grayswan_server.script(Answer(tool_calls=[Call("Wishes", '{"first": "a" "second"}')]))
    with pytest.raises(ToolCallArgumentsError, match="'Wishes' cannot be read"):
        await streamed(Wishes)


async def test_an_object_cut_for_length_is_an_error(streamed, grayswan_server):
    cut = Answer(tool_calls=[Call("Wishes", '{"first": "a cast')], finish_reason="length")
    grayswan_server.script(cut)
    with pytest.raises(ToolCallArgumentsError, match="cut in the middle"):
        await streamed(Wishes)


async def test_a_stream_that_breaks_off_is_an_error(streamed, grayswan_server):
    event = (
        b'data: {"id": "1", "choices": [{"delta": {"tool_calls": [{"index": 0, "id": "c",'
        b' "function": {"name": "Wishes", "arguments": "{\\"first\\": \\"a"}}]}}]}\n\n'
    )
    headers = {"content-type": "text/event-stream"}
    grayswan_server.script(RawResponse(event, headers=headers))
    with pytest.raises(IncompleteStreamError):
        await streamed(Wishes)


async def test_an_object_that_needs_nothing_may_be_empty(streamed, grayswan_server):
    grayswan_server.script(Answer(tool_calls=[Call("Wishes", "{}")]))
    assert await streamed(Wishes) == [Wishes()]


async def test_line_breaks_that_a_model_writes_as_they_are_do_no_harm(streamed, grayswan_server):
    grayswan_server.script(Answer(tool_calls=[Call("Wishes", '{"first": "a\nb"}')]))
    assert (await streamed(Wishes))[-1] == Wishes(first="a\nb")


async def test_a_finish_reason_on_every_chunk_does_no_harm(streamed, grayswan_server):
    def piece(text, **call):
        call = {"index": 0, **call, "function": {"arguments": text, **call.pop("function", {})}}
        choice = {"delta": {"tool_calls": [call]}, "finish_reason": "tool_calls"}
        return f"data: {json.dumps({'id': '1', 'choices': [choice]})}\n\n".encode()

    begun = piece('{"first"', id="1", function={"name": "Wishes"})
    body = [begun, piece(': "a"'), piece("}"), b"data: [DONE]\n\n"]
    grayswan_server.script(RawResponse(body, headers={"content-type": "text/event-stream"}))
    assert (await streamed(Wishes))[-1] == Wishes(first="a")


async def test_validators_that_stumble_over_missing_parts_do_no_harm(streamed, grayswan_server):
    grayswan_server.script(Answer(tool_calls=[Call("Careless", '{"name": "Ann"}')]))
    assert (await streamed(Careless))[-1] == Careless(name="Ann")


async def test_a_text_program_is_still_one(streamed, grayswan_server, make_llm, sent):
    grayswan_server.script(Answer(ANN))
    found = await streamed(Person, make_llm(pydantic_program_mode=PydanticProgramMode.LLM))
    assert found[-1] == Person(name="Ann Lee", age=41)
    assert "tools" not in sent()


@pytest.mark.parametrize("text", ['{"name": "Ann", "ag', '{"name": "Ann"}', "I do not know."])
async def test_a_text_program_that_ends_on_half_an_object_is_an_error(
    streamed, grayswan_server, make_llm, text
):
    grayswan_server.script(Answer(text, finish_reason="length"))
    with pytest.raises(ValueError, match="not a whole Person"):
        await streamed(Person, make_llm(pydantic_program_mode=PydanticProgramMode.LLM))


def test_the_plain_path_gives_errors_too(llm, grayswan_server):
    grayswan_server.script(Answer("No."))
    with pytest.raises(ToolCallMissingError, match=r"Its text is 'No\.'"):
        llm.structured_predict(Person, PROMPT, hint="Ann")


def test_the_plain_path_gives_an_error_where_a_field_is_missing(llm, grayswan_server):
    grayswan_server.script(Answer(tool_calls=[Call("Person", '{"name": "Ann"}')]))
    with pytest.raises(ValueError, match="Field required"):
        llm.structured_predict(Person, PROMPT, hint="Ann")


async def test_the_plain_path_forces_by_name(llm, sent):
    llm.structured_predict(Person, PROMPT, hint="Ann")
    assert sent()["tool_choice"]["function"]["name"] == "Person"
    await llm.astructured_predict(Person, PROMPT, hint="Ann")
    assert sent()["tool_choice"]["function"]["name"] == "Person"


def test_text_completion_programs_work(llm, grayswan_server):
    grayswan_server.script(Answer(ANN))
    program = LLMTextCompletionProgram.from_defaults(
        output_cls=Person, llm=llm, prompt_template_str="Who is it?"
    )
    assert program() == Person(name="Ann Lee", age=41)
