"""An async function differs from its sync twin in its I/O alone.

Twins are functions of one class or module whose names differ by an `a` (`run` and `arun`, `_send`
and `_asend`), and methods of classes whose names differ by an `Async`. They are compared as syntax
trees, with `async` and `await` taken off and the names of the async library translated.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import grayswan_core

ROOT = Path(grayswan_core.__file__).parents[1]
PACKAGES = ("grayswan_core", "langchain_grayswan", "llama_index_grayswan")

_CLOSED_ON_RETURN = "the connections of the running loop are closed before it returns"

_MANAGER = "LangChain's callback managers differ"

_STOPPED = "an async call stops the task that judges its input"
_RACES = "a task is awaited, and a thread is joined"

DIFFERENT = {
    "ModelSettings._aask": "where much text is marked, a thread does it",
    "Transports.aopen": "only an async call needs an event loop",
    "BaseClient.aclose": _CLOSED_ON_RETURN,
    "AsyncHttpxTransport.aclose": _CLOSED_ON_RETURN,
    "Transports.aclose": _CLOSED_ON_RETURN,
    **dict.fromkeys(("Audit.__aenter__", "Audit.__aexit__"), "it calls its sync twin"),
    "AsyncDirectTransport._connection": "the pools of a loop need no lock",
    "AsyncGuardedCall._response": "a bad verdict cancels a coroutine",
    "AsyncGuardedCall.respond": _STOPPED,
    "AsyncGuardedCall.stream": _STOPPED,
    "AsyncInputReview.open": _RACES,
    **dict.fromkeys((f"AsyncRace.{name}" for name in ("__init__", "wait", "watch")), _RACES),
    "arun_checks": "checks are made at once",
    "_arun": _MANAGER,
    "CygnalMiddleware.awrap_tool_call": _MANAGER,
    "ParentOfChecks.astream": _MANAGER,
    "Around._astream": "a stream that is left has to be closed in the loop",
    "achunks": "async streams fall back to sync ones, and not the other way round",
    "astream_chat": "LlamaIndex's async streams are awaited before they are iterated over",
    "astream_complete": "the same",
    "RawOutput.astream": "there is no async `iter`",
    "_MarksAsyncOutput.acall": "only an async tool of LlamaIndex's gets a workflow's state",
}
"""Twins that cannot be equal, and why."""


_NOTHING = ast.dump(ast.Expr(ast.Constant(...)))


class Sync(ast.NodeTransformer):
    """Turns an async function into its sync form."""

    def visit_AsyncFunctionDef(self, node):
        return self.visit(ast.FunctionDef(**vars(node)))

    def visit_FunctionDef(self, node):
        self.generic_visit(node)
        body = node.body[1:] if ast.get_docstring(node, clean=False) else node.body
        body = [each for each in body if ast.dump(each) != _NOTHING]
        return ast.FunctionDef(node.name, node.args, body, [], returns=None)

    def visit_arg(self, node):
        return ast.arg(node.arg)

    def visit_Await(self, node):
        return self.visit(node.value)

    def visit_AsyncFor(self, node):
        return self.visit(ast.For(**vars(node)))

    def visit_For(self, node):
        self.generic_visit(node)
        handed_on = ast.Expr(ast.Yield(ast.Name(getattr(node.target, "id", ""), ast.Load())))
        if [ast.dump(handed_on)] == [ast.dump(each) for each in node.body]:
            return ast.Expr(ast.YieldFrom(node.iter))
        return node

    def visit_AsyncWith(self, node):
        return self.visit(ast.With(**vars(node)))

    def visit_With(self, node):
        self.generic_visit(node)
        if len(node.body) == 1 and isinstance(inner := node.body[0], ast.With):
            return ast.With([*node.items, *inner.items], inner.body)
        return node

    def visit_comprehension(self, node):
        self.generic_visit(node)
        node.is_async = 0
        return node


def functions(tree, prefix=""):
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield from functions(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix, node


def twins():
    for path in sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py")):
        found = functions(ast.parse(path.read_text()))
        known = {prefix + node.name: node for prefix, node in found}
        for name, node in known.items():
            for other in (
                re.sub(r"(^|\.)(_*)(?=[^.]+$)", r"\1\2a", name),
                re.sub(r"^(_?)(\w+)\.", r"\1Async\2.", name),
            ):
                if other in known and other != name:
                    yield other, node, known[other], f"{path.relative_to(ROOT)}:{other}"


TWINS = list(twins())


def sync_form(node, sync_names=frozenset()):
    text = ast.unparse(ast.fix_missing_locations(Sync().visit(node)))
    text = text.replace("asyncio.sleep", "time.sleep")

    def translated(match):
        return match[1] + match[2] if match[1] + match[2] in sync_names else match[0]

    return re.sub(r"\b(_*)(?:a|Async)(\w+)\b", translated, text)


@pytest.mark.parametrize(
    ("sync", "other"),
    [pytest.param(*pair, id=place) for name, *pair, place in TWINS if name not in DIFFERENT],
)
def test_twins_differ_in_their_io_alone(sync, other):
    expected = sync_form(sync)
    assert expected == sync_form(other, set(re.findall(r"\w+", expected)))


def test_a_difference_is_seen():
    module = ast.parse("def run(x):\n    return x\nasync def arun(x):\n    return await x + 1")
    (_, sync), (_, other) = functions(module)
    assert sync_form(sync) != sync_form(other, {"run", "x"})


def test_each_listed_difference_is_one():
    assert DIFFERENT.keys() <= {name for name, *_ in TWINS}
