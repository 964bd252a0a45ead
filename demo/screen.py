"""How the story looks: boxes that fill as the tokens come in a terminal, plain text elsewhere."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from rich.box import ROUNDED
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

__all__ = ["Card", "Screen", "Show", "body_of", "stdout_console"]

Show: TypeAlias = Callable[[str | None], None]
"""Puts a piece of an answer on the screen."""

_WIDEST = 120
_SIDE_BY_SIDE = 100
_REFRESHES_PER_SECOND = 20
_UNTRUSTED_ROLES = frozenset({"data", "tool"})  # in which no instructions are expected
_COLOURS = {"LangChain": "green", "LlamaIndex": "magenta"}


def stdout_console() -> Console:
    """A console for standard output, which is a terminal only if it is one.

    Rich would be talked into control codes by variables such as `FORCE_COLOR`; what is piped
    into a file stays plain here.
    """
    # An encoding that lacks a character is no reason to stop.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    return Console(force_terminal=sys.stdout.isatty(), highlight=False)


def body_of(function: Callable[..., object]) -> str:
    """The code inside a function, so that what is shown is what runs."""
    source = textwrap.dedent(inspect.getsource(function))
    (definition,) = ast.parse(source).body
    if not isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef):
        raise TypeError(f"{function!r} is not a plain function")
    statements = definition.body[1 if ast.get_docstring(definition) else 0 :]
    return textwrap.dedent("\n".join(source.splitlines()[statements[0].lineno - 1 :]))


@dataclass
class Card:
    """A piece of code, and what it says when it runs.

    Attributes:
        heading: The framework's name.
        code: What is run.
        answer: What it has said so far.
        notes: What else there is to know of the answer.
    """

    heading: str
    code: str
    answer: str = ""
    notes: list[str] = field(default_factory=list)

    def show(self, piece: str | None) -> None:
        """Add a piece to the answer."""
        self.answer += piece or ""


class Screen:
    """Where the story is told. What it shows ends with an empty line."""

    def __init__(self, console: Console) -> None:
        console.width = min(console.width, _WIDEST)
        self._console = console
        self.animated = console.is_terminal and not console.is_dumb_terminal

    @contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        """Show in a terminal that something takes a moment."""
        if self.animated:
            with self._console.status(text):
                yield
        else:
            yield

    def title(self, heading: str, text: str) -> None:
        """The first thing seen."""
        if self.animated:
            self._console.print(
                Panel(text, title=f"[bold]{heading}[/]", border_style="cyan", padding=(1, 2))
            )
            self._console.print()
        else:
            self._write(heading)
            self.say(text)

    def section(self, heading: str, text: str) -> None:
        """Begin a section."""
        if self.animated:
            self._console.print(Rule(f"[bold]{heading}[/]", align="left", style="cyan"))
        else:
            self._write(f"=== {heading} ===")
        self.say(text)

    def say(self, text: str) -> None:
        """A paragraph of the narrator's."""
        self._console.print(Text(text))
        self._console.print()

    def ask(self, heading: str, question: str) -> None:
        """What is done next, and the question it is done with; its cards follow."""
        self._console.print(
            Text.assemble((heading, "bold"), ("   user: ", "dim"), (f"“{question}”", "italic"))
        )

    def page(self, heading: str, text: str, suspicious: str) -> None:
        """A text from elsewhere, with the part of it that is up to no good marked."""
        if self.animated:
            shown = Text(text)
            shown.highlight_words([suspicious], "bold white on red")
            title = f"[bold]{heading}[/]"
            self._console.print(Panel(shown, title=title, title_align="left", style="yellow"))
        else:
            # Without colour the mark is a line of its own.
            self._write(f"{heading}:")
            self._write(text, indent="    ")
            self._write(f"The instruction in it: “{suspicious}”")
        self._console.print()

    def sent(self, messages: Sequence[Mapping[str, Any]], text: str) -> None:
        """The messages of a request; lines of a text are green or red by the role."""
        for message in messages:
            role, content = message["role"], message.get("content") or _calls(message)
            is_safe = role in _UNTRUSTED_ROLES
            found = [line for line in text.splitlines() if line and line in content]
            if self.animated:
                shown = Text.assemble(
                    (f"{role:>9}  ", "bold green" if is_safe else "bold"), content
                )
                shown.highlight_words(found, f"bold white on {'green' if is_safe else 'red'}")
                self._console.print(shown)
                continue
            self._write(f"{role}{' (holds the page)' if found else ''}:")
            self._write(content, indent="    ")
        self._console.print()

    @contextmanager
    def running(self, *cards: Card) -> Iterator[None]:
        """Show the cards while they fill, side by side where there is room."""
        if not self.animated:
            yield
            self.cards(*cards)
            return
        with Live(
            get_renderable=lambda: self._boxes(cards),
            console=self._console,
            refresh_per_second=_REFRESHES_PER_SECOND,
        ):
            yield
        self._console.print()

    def cards(self, *cards: Card) -> None:
        """Show the cards as they are."""
        if self.animated:
            self._console.print(self._boxes(cards))
        else:
            for card in cards:
                self._write(card.heading)
                self._write(card.code, indent="    ")
                for line in _lines(card):
                    self._write(line, indent="  > ")
        self._console.print()

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table of figures; the first column is words."""
        boxed = self.animated
        table = Table(box=ROUNDED if boxed else None, border_style="dim", pad_edge=boxed)
        for position, column in enumerate(columns):
            table.add_column(column, justify="right" if position else "left")
        for row in rows:
            table.add_row(*row)
        self._console.print(table)
        self._console.print()

    def _boxes(self, cards: Sequence[Card]) -> RenderableType:
        wide = self._console.width >= _SIDE_BY_SIDE
        if len(cards) > 1 and wide:
            return _side_by_side(cards)
        return Group(*(_alone(card, wide=wide) for card in cards))

    def _write(self, text: str, indent: str = "") -> None:
        """Plain text, each line as long as it is."""
        indented = textwrap.indent(text, indent, lambda _: True)
        self._console.print(Text(indented), soft_wrap=True)


def _side_by_side(cards: Sequence[Card]) -> Table:
    table = _box()
    for card in cards:
        table.add_column(_heading(card), ratio=1)
    table.add_row(*map(_code, cards), end_section=True)
    if any(map(_lines, cards)):
        table.add_row(*map(_answer, cards))
    return table


def _alone(card: Card, *, wide: bool) -> Table:
    table = _box()
    table.add_column(_heading(card), ratio=3)
    if wide:
        table.add_column(Text("answer", "dim"), ratio=2)
        table.add_row(_code(card), _answer(card))
        return table
    table.add_row(_code(card), end_section=True)
    if _lines(card):
        table.add_row(_answer(card))
    return table


def _calls(message: Mapping[str, Any]) -> str:
    """The calls of a message without text."""
    functions = [call["function"] for call in message.get("tool_calls") or ()]
    return "\n".join(f"calls {each['name']}({each['arguments']})" for each in functions)


def _box() -> Table:
    return Table(box=ROUNDED, expand=True, border_style="dim")


def _heading(card: Card) -> Text:
    return Text(card.heading, f"bold {_COLOURS[card.heading]}")


def _code(card: Card) -> Syntax:
    return Syntax(
        card.code, "python", theme="ansi_dark", background_color="default", word_wrap=True
    )


def _answer(card: Card) -> Group:
    return Group(Text(card.answer, "bold"), *(Text(note, "cyan") for note in card.notes))


def _lines(card: Card) -> list[str]:
    return [line for line in (card.answer, *card.notes) if line]
