"""Who may answer in the story, what each is asked, and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["DOCUMENTS", "HELPFUL", "LIVE_API", "RULES", "SMALL_MODEL", "Questions", "Teller"]

DOCUMENTS = Path(__file__).parent / "documents"

HELPFUL = "You are a helpful assistant."
_FACTS = (
    f"{HELPFUL} Answer from this context, in one sentence."
    " A cygnet is a young swan, named after the Latin word for swan."
    " Most of them are covered in grey down."
    " Mute swans first fly when they are four to five months old."
    " A pen, as the female is called, sits on her eggs for about 36 days."
)
_LIVE = "make demo LIVE=1"


@dataclass(frozen=True)
class Questions:
    """What is asked, part by part; `system` goes along with the first four."""

    system: str
    plain: str
    stream: str
    aplain: str
    astream: str
    about: str
    chain: str = "How long is the flight of whooper swans across the open Atlantic?"
    documents: str = "Where do whooper swans and whistling swans spend the winter?"


@dataclass(frozen=True)
class Teller:
    """One that answers.

    Attributes:
        introduction: Said first.
        questions: What it is asked.
        afterword: Said after the page that gives instructions.
        settings: Its model's settings, beside address and key.
        pause: Seconds between the tokens in a terminal, so that one sees them come.
    """

    introduction: str
    questions: Questions
    afterword: str
    settings: dict[str, float | int] = field(default_factory=dict)
    pause: float = 0.0


_ABOUT_SWANS = Questions(
    system=_FACTS,
    plain="What is a cygnet?",
    stream="How old are mute swans when they first fly?",
    aplain="What are most of them covered in?",
    astream="How long does the female sit on her eggs?",
    about="The system text holds four facts about swans.",
)

RULES = Teller(
    introduction="One short story through both frameworks. It is told by a local server on a free"
    " port, which implements the Cygnet API and responds by rules: no key, no network.",
    questions=_ABOUT_SWANS,
    afterword="This shows where the page goes on the wire, and no more: the local server answers"
    f" by rules that never follow a page. What Cygnet makes of it: {_LIVE}",
    pause=0.03,
)

SMALL_MODEL = Teller(
    introduction="One short story through both frameworks. A local server on a free port"
    " implements the Cygnet API: no key, no network. Behind it a real 135M-parameter model,"
    " SmolLM2, runs on your CPU; it is small, and sometimes wrong.",
    questions=Questions(
        system=HELPFUL,
        plain="What is the capital of France?",
        stream="Write two sentences about a lake in the morning.",
        aplain="What is the largest ocean on Earth?",
        astream="Why is the sky blue? Answer in one sentence.",
        about="The answers are the small model's own, right or wrong.",
        documents="Where do swans that breed in Iceland spend the winter?",
    ),
    afterword="This shows where the page goes on the wire, and what this small model made of it."
    f" It was never trained to withstand such a page. Cygnet was: {_LIVE}",
    settings={"temperature": 0, "max_tokens": 100},
)

LIVE_API = Teller(
    introduction="One short story through both frameworks, told by the real API.",
    questions=_ABOUT_SWANS,
    afterword="The responses are Cygnet's own.",
)
