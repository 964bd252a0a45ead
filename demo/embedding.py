"""An embedding that needs no model, no download and no network."""

from __future__ import annotations

import hashlib
import math
import re

from llama_index.core.base.embeddings.base import BaseEmbedding

__all__ = ["HashedWords"]

_SIZE = 1024
_WORD = re.compile(r"[a-z0-9]+")
_COMMON = frozenset(
    _WORD.findall(
        "a an and are as at by called can do does for from has have how in into is it its many"
        " most of on one or so that the their them they this to was what when where which while"
        " who why with"
    )
)


class HashedWords(BaseEmbedding):
    """Counts words, each in the slot that its hash names.

    Two texts are close when they use the same words; it knows nothing of what words mean. That
    is enough to find the right paragraph in a handful of documents, and the same text has the
    same vector on every machine. Use a real embedding model for real documents.
    """

    model_name: str = "hashed-words"

    def _get_text_embedding(self, text: str) -> list[float]:
        vector = [0.0] * _SIZE
        for word in _WORD.findall(text.lower()):
            if word not in _COMMON:
                vector[_slot(word.removesuffix("s"))] += 1.0
        length = math.hypot(*vector) or 1.0
        return [count / length for count in vector]

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)


def _slot(word: str) -> int:
    # Not `hash`, which differs from one run of Python to the next.
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "big") % _SIZE
