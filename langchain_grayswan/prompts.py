"""A prompt template's part for untrusted content."""

from __future__ import annotations

from langchain_core.prompts import ChatMessagePromptTemplate

__all__ = ["DataMessagePromptTemplate"]


class DataMessagePromptTemplate(ChatMessagePromptTemplate):
    """A part of a `ChatPromptTemplate` whose text is untrusted, and sent as `data`.

    ```python
    ChatPromptTemplate([
        ("human", "{question}"),
        DataMessagePromptTemplate.from_template("{page}"),
    ])
    ```

    What a variable is filled with is not formatted again, so braces in a page do no harm.
    """

    role: str = "data"

    @classmethod
    def lc_id(cls) -> list[str]:
        """Serialized as the template it is, so that `langchain_core.load` knows it."""
        return ChatMessagePromptTemplate.lc_id()
