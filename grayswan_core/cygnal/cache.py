"""Verdicts of before, by a digest of what was judged. No text is kept."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable
from hashlib import blake2b
from threading import Lock
from typing import Any

from grayswan_core.cygnal.verdict import Verdict

__all__ = ["VerdictCache", "digest"]


def digest(*values: Any) -> bytes:
    """A digest of JSON values, which cannot be turned back into them."""
    text = json.dumps(values, ensure_ascii=True, sort_keys=True, default=str)
    return blake2b(text.encode(), digest_size=24).digest()


class VerdictCache:
    """The verdicts used last, and digests of calls that were allowed; safe among threads.

    Args:
        size: How many of each are kept; 0 keeps none.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._verdicts: OrderedDict[bytes, Verdict] = OrderedDict()
        self._approved: OrderedDict[bytes, None] = OrderedDict()
        self._lock = Lock()

    def get(self, key: bytes) -> Verdict | None:
        with self._lock:
            if key in self._verdicts:
                self._verdicts.move_to_end(key)
            return self._verdicts.get(key)

    def put(self, key: bytes, verdict: Verdict) -> None:
        with self._lock:
            self._verdicts[key] = verdict.without_quotes()
            _trim(self._verdicts, self._size)

    def approve(self, keys: Iterable[bytes]) -> None:
        """Remember that calls with these digests were allowed."""
        with self._lock:
            self._approved.update(dict.fromkeys(keys))
            _trim(self._approved, self._size)

    def is_approved(self, key: bytes) -> bool:
        with self._lock:
            return key in self._approved

    def __len__(self) -> int:
        return len(self._verdicts)


def _trim(items: OrderedDict[bytes, Any], size: int) -> None:
    while len(items) > size:
        items.popitem(last=False)
