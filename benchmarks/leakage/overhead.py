"""What marks cost: tokens for each thousand of a text, with the o200k vocabulary as the ruler.

The package `bpe-openai` brings the vocabulary along; `tiktoken` would fetch it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from grayswan_core.untrusted.marks import mark_untrusted

__all__ = ["overhead", "samples"]

_ROOT = Path(__file__).parents[2]


def samples() -> dict[str, str]:
    """Texts of some pages: prose, with and without line ends in its paragraphs; code; a table."""
    prose = (_ROOT / "LICENSE").read_text("utf-8")[:6000]
    rows = (f"| item {i} | {i * 7 % 13} | {i * 1.7:.2f} | Town {i % 9} |" for i in range(150))
    return {
        "prose, one line a paragraph": "\n\n".join(
            " ".join(part.split()) for part in prose.split("\n\n")
        ),
        "prose, in short lines": prose,
        "code": (_ROOT / "grayswan_core" / "request" / "roles.py").read_text("utf-8"),
        "a Markdown table": "\n".join(
            ["| name | count | price | city |", "|---|---|---|---|", *rows]
        ),
        "one sentence": "Ohio is sunny today, with a light wind.",
    }


def overhead() -> dict[str, dict[str, int]]:
    """Tokens that ticked marks add to each thousand of a text, and marks without ticks to a text.

    Raises:
        ImportError: `bpe-openai` is not installed.
    """
    import bpe_openai  # noqa: PLC0415 - only the benchmark's full run needs it

    encoding: Any = bpe_openai.get_encoding("o200k_base")
    added = {}
    for name, text in samples().items():
        bare, ticked, light = (
            len(encoding.encode(each))
            for each in (text, mark_untrusted(text), mark_untrusted(text, ticks=False))
        )
        added[name] = {
            "ticks, to 1000": round(1000 * (ticked - bare) / bare),
            "no ticks, to all": light - bare,
        }
    return added
