"""What a type checker knows of `langchain_grayswan`. Checked by mypy, and never run."""

from __future__ import annotations

from typing import Any

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable
from pydantic import BaseModel, SecretStr
from typing_extensions import TypedDict, assert_type

from langchain_grayswan import ChatGraySwan


class Person(BaseModel):
    name: str


class PersonDict(TypedDict):
    name: str


def key() -> str:
    return "test-key-000"


model = ChatGraySwan(api_key=key, timeout=7.5, max_retries=2)
ChatGraySwan(api_key=SecretStr("test-key-000"), timeout=None)

structured = model.with_structured_output(Person)
assert_type(structured, Runnable[LanguageModelInput, Person])
assert_type(structured.invoke("Who?"), Person)
assert_type(model.with_structured_output(PersonDict).invoke("Who?"), dict[str, Any])
assert_type(model.with_structured_output({"title": "Person"}).invoke("Who?"), dict[str, Any])
assert_type(model.with_structured_output(Person, include_raw=True).invoke("Who?"), dict[str, Any])
assert_type(model.with_structured_output(Person, method="json_mode").invoke("Who?"), Person)

tool_caller = model.bind_tools([Person], tool_choice="any")
assert_type(tool_caller, Runnable[LanguageModelInput, AIMessage])


async def streamed() -> None:
    async for person in structured.astream("Who?"):
        assert_type(person, Person)
