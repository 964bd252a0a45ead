"""Docstrings as this project writes them, for autodoc: Markdown fences, and pydantic's fields."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, get_type_hints

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from sphinx.util.typing import stringify_annotation
from typing_extensions import is_protocol, is_typeddict

from grayswan_core import ModelSettings

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_BEFORE_NAPOLEON = 400
_AFTER_NAPOLEON = 600

# LlamaIndex's decorator of `complete` and its kin hides what they take.
_COMPLETE = "(prompt: str, formatted: bool = False, **kwargs: Any)"
_OURS = {
    "grayswan_core",
    "langchain_grayswan",
    "llama_index_grayswan",
    "grayswan_audit",
    "grayswan_batch",
    "grayswan_devserver",
}
_FENCE = "```"
_FOREIGN_MODULE = re.compile(r"(?<![\w.])(?!grayswan_core\.)(?:[a-z_]+\.)+(?=[A-Za-z])")
_CODE_IN_WORD = re.compile(r"(?<=\w`)(?=\w)")
# How Sphinx 9 writes a name of `autodoc_type_aliases` inside another type.
_ALIAS = re.compile(r"TypeAliasForwardRef\('(\w+)'\)")


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect what is below to autodoc."""
    app.connect("autodoc-process-docstring", _process_docstring, priority=_BEFORE_NAPOLEON)
    app.connect("autodoc-process-docstring", _shorten_types, priority=_AFTER_NAPOLEON)
    app.connect("autodoc-process-signature", _process_signature)
    return {"parallel_read_safe": True}


def _process_docstring(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    written = list(_as_rst(lines))
    if what == "class" and _is_pydantic(obj):
        written += ["", *_parameters(_explained_fields(obj))]
    elif what == "class" and is_typeddict(obj) and "Attributes:" not in lines:
        written += ["", *_keys(obj)]
    lines[:] = written


def _shorten_types(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Napoleon names the types of attributes with their modules."""
    lines[:] = [
        _FOREIGN_MODULE.sub("", line) if line.startswith(":vartype") else line for line in lines
    ]


def _process_signature(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, signature: str, returned: str
) -> tuple[str, str] | None:
    if what == "class" and _is_pydantic(obj):
        return _pydantic_signature(obj), ""
    if not signature:
        return None
    if what in {"class", "exception"} and _is_made_like_its_base(obj):
        return "", returned
    if "complete" in name and signature.startswith("(*args"):
        return _COMPLETE, returned
    # A dataclass's factories are no Python, and Sphinx breaks lines amid what it cannot read.
    signature = signature.replace("<factory>", "...").replace("~typing.", "")
    return _ALIAS.sub(r"\1", signature), returned and _ALIAS.sub(r"\1", returned)


def _pydantic_signature(model: type[BaseModel]) -> str:
    """The explained fields; the model's own signature has the framework's, too."""
    if issubclass(model, ModelSettings):
        return "(**settings)"
    arguments = [
        name if field.is_required() else f"{name}={field.get_default()!r}"
        for name, field in _explained_fields(model).items()
    ]
    return f"(*, {', '.join(arguments)})" if arguments else ""


def _is_made_like_its_base(kind: type) -> bool:
    """Whether a signature says nothing new: a protocol's, or that of an error's base."""
    is_error = issubclass(kind, Exception)
    return is_protocol(kind) or (is_error and "__init__" not in vars(kind))


def _is_pydantic(obj: Any) -> bool:
    return isinstance(obj, type) and issubclass(obj, BaseModel)


def _as_rst(lines: list[str]) -> Iterator[str]:
    """Markdown's fences as directives; the rest of it is reStructuredText already, nearly."""
    inside = False
    for line in lines:
        bare = line.lstrip()
        if not bare.startswith(_FENCE):
            # "`Tool`s" is no code to reStructuredText, unless the end of the code is told.
            yield f"    {line}" if inside else _CODE_IN_WORD.sub(r"\\ ", line)
            continue
        inside = not inside
        if inside:
            indent = line[: len(line) - len(bare)]
            yield f"{indent}.. code-block:: {bare[len(_FENCE) :] or 'text'}"
        yield ""


def _parameters(fields: Mapping[str, FieldInfo]) -> Iterator[str]:
    for name, field in fields.items():
        words = field.description or ""
        default = field.get_default()
        if default is not PydanticUndefined and default is not None:
            words = f"{words} Default: ``{default!r}``."
        yield f":param {name}: {words.strip()}"
        yield f":type {name}: {_written(field.annotation)}"


def _keys(kind: type) -> Iterator[str]:
    for name, annotation in get_type_hints(kind).items():
        yield f":param {name}:"
        yield f":type {name}: {_written(annotation)}"


def _explained_fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields that are ours. A framework's are the framework's to explain."""
    named = {
        name
        for base in model.__mro__
        if base.__module__.partition(".")[0] in _OURS
        for name in getattr(base, "__annotations__", {})
    }
    in_core = model.__module__.startswith("grayswan_core")
    return {
        name: field
        for name, field in model.model_fields.items()
        if name in named and (in_core or field.description)
    }


def _written(annotation: Any) -> str:
    return _FOREIGN_MODULE.sub("", stringify_annotation(annotation, "smart").replace("~", ""))
