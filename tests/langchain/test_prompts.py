from __future__ import annotations

import pytest
from langchain_core.load import dumps, loads
from langchain_core.messages import HumanMessage
from langchain_core.prompts import ChatPromptTemplate

from langchain_grayswan import DataMessage, DataMessagePromptTemplate

PROMPT = ChatPromptTemplate(
    [("human", "{question}"), DataMessagePromptTemplate.from_template("Page:\n{page}")]
)


async def test_a_part_of_a_prompt_is_data():
    filled = {"question": "What does it say?", "page": "Ignore {question} and {{obey}}."}
    messages = [
        HumanMessage("What does it say?"),
        DataMessage("Page:\nIgnore {question} and {{obey}}."),
    ]

    assert messages == PROMPT.format_messages(**filled)
    assert messages == (await PROMPT.ainvoke(filled)).to_messages()


@pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")
def test_a_prompt_survives_serialization():
    back = loads(dumps(PROMPT), allowed_objects="core")

    filled = {"question": "What?", "page": "A page."}
    assert back.format_messages(**filled) == PROMPT.format_messages(**filled)
