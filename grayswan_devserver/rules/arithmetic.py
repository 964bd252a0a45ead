"""Small sums in a text: `2 + 2`, `12 * (3 - 1)`, `7 times 6`."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from typing import TypeAlias

__all__ = ["compute", "expression"]

_Number: TypeAlias = int | float

_WORDS = (
    (re.compile(r"\bplus\b", re.IGNORECASE), "+"),
    (re.compile(r"\bminus\b", re.IGNORECASE), "-"),
    (re.compile(r"\b(?:times|multiplied by)\b|[\u00d7·]", re.IGNORECASE), "*"),
    (re.compile(r"\b(?:divided by|over)\b|÷", re.IGNORECASE), "/"),
)
_EXPRESSION = re.compile(r"[(\s]*-?\d[\d\s.()+*/-]*[+*/-][\d\s.()+*/-]*[\d)]")
_OPERATORS: dict[type[ast.operator], Callable[[_Number, _Number], _Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_LONGEST = 100
_MOST_READ = 1000
_DATE = re.compile(r"\d{2,4}-\d{1,2}-\d{1,4}|\d+/\d+/\d+")


def expression(text: str) -> str | None:
    """The first sum in a text, with signs for words, or `None`."""
    text = text[:_MOST_READ]
    for pattern, sign in _WORDS:
        text = pattern.sub(sign, text)
    found = _EXPRESSION.search(text)
    if found is None or len(found.group()) > _LONGEST or _DATE.search(found.group()):
        return None
    return found.group().strip()


def compute(text: str) -> tuple[str, str] | None:
    """The first sum in a text and what it comes to; `None` without a sum that can be done."""
    found = expression(text)
    if found is None:
        return None
    try:
        value = _value(ast.parse(found, mode="eval").body)
    except (SyntaxError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return found, f"{value:.12g}" if isinstance(value, float) else str(value)


def _value(node: ast.expr) -> _Number:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_value(node.left), _value(node.right))
    raise ValueError("not a sum")
