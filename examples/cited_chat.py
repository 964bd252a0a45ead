"""A chat over documents in LlamaIndex: with memory, citations, and a check of each answer.

    export GRAYSWAN_API_KEY="..."
    python -m examples.cited_chat FOLDER

Documents come from anywhere, so what is retrieved is untrusted. The lines marked
`# not OpenAI's` are all that differs from the same program with LlamaIndex's `OpenAI`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from llama_index.core import Document, SimpleDirectoryReader, VectorStoreIndex
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.chat_engine.types import BaseChatEngine, ChatMode
from llama_index.core.evaluation import EvaluationResult, FaithfulnessEvaluator
from llama_index.core.llms import LLM
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.query_engine import CitationQueryEngine
from llama_index.core.schema import NodeWithScore

from llama_index_grayswan import GraySwan, secure  # not OpenAI's

__all__ = ["CitedChat", "sources"]


class CitedChat:
    """Talks about documents, and answers single questions with citations."""

    def __init__(self, documents: Sequence[Document], llm: LLM, embed_model: BaseEmbedding) -> None:
        index = VectorStoreIndex.from_documents(documents, embed_model=embed_model)
        chat: BaseChatEngine = index.as_chat_engine(
            chat_mode=ChatMode.CONDENSE_PLUS_CONTEXT,
            llm=llm,
            memory=ChatMemoryBuffer.from_defaults(token_limit=4000),
            similarity_top_k=2,
        )
        self.chat = secure(chat)  # not OpenAI's
        self.citing = secure(  # not OpenAI's
            CitationQueryEngine.from_args(index, llm=llm, similarity_top_k=2)
        )
        self._faithfulness = secure(FaithfulnessEvaluator(llm=llm))  # not OpenAI's

    def say(self, text: str) -> str:
        """Say something in the conversation, which is remembered."""
        return str(self.chat.chat(text))

    def cite(self, question: str) -> tuple[str, list[str]]:
        """A single answer that cites its sources by number, and the sources."""
        response = self.citing.query(question)
        return str(response), sources(response.source_nodes)

    def check(self, question: str) -> EvaluationResult:
        """Whether what the documents say supports the answer."""
        answer, contexts = self.cite(question)
        return self._faithfulness.evaluate(query=question, response=answer, contexts=contexts)


def sources(nodes: Sequence[NodeWithScore]) -> list[str]:
    """The sources as a reader may see them, numbered as the answer cites them."""
    return [node.node.get_content() for node in nodes]


def main(folder: str) -> None:
    """Talk in a terminal; an empty line ends it."""
    from llama_index.core import Settings  # noqa: PLC0415 - asks for an embedding model when read

    app = CitedChat(
        SimpleDirectoryReader(folder).load_data(),
        GraySwan(temperature=0),  # not OpenAI's
        Settings.embed_model,
    )
    while text := input("> "):
        print(app.say(text))


if __name__ == "__main__":
    main(sys.argv[1])
