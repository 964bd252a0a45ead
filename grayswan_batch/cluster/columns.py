"""The columns of an answer, with types that are the same in every block of a dataset."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from grayswan_batch.errors import InputError

__all__ = ["COLUMNS", "with_answers"]

COLUMNS = {
    "finish_reason": pa.string(),
    "input_tokens": pa.int64(),
    "output_tokens": pa.int64(),
    "request_id": pa.string(),
    "attempts": pa.int64(),
    "latency": pa.float64(),
    "tool_calls": pa.string(),
    "error_type": pa.string(),
    "error": pa.string(),
    "status_code": pa.int64(),
    "partial": pa.string(),
}

_SIMPLE = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
}


def with_answers(
    table: pa.Table, records: Sequence[Mapping[str, Any]], answer: Mapping[str, Any] | None
) -> pa.Table:
    """A table with the columns of its rows' records.

    Args:
        table: The rows.
        records: What became of each.
        answer: The JSON schema of the answers; None for text.

    Raises:
        InputError: the table has a column of such a name.
    """
    kind = pa.string() if answer is None else arrow_type(answer, answer.get("$defs", {}))
    for name, type_ in {"answer": kind, **COLUMNS}.items():
        if name in table.column_names:
            raise InputError(
                f"The dataset has a column {name!r} already, which the answers need. Rename it:"
                " dataset.rename_columns(...)."
            )
        values = [_value(record.get(name), type_) for record in records]
        table = table.append_column(name, pa.array(values, type_))
    return table


def arrow_type(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> pa.DataType:
    """The Arrow type of a JSON schema; JSON text for what has none."""
    if ref := schema.get("$ref"):
        return arrow_type(defs.get(str(ref).rpartition("/")[2], {}), defs)
    options = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    if len(options) == 1:
        return arrow_type(options[0], defs)
    kind = schema.get("type")
    if kind == "array" and isinstance(schema.get("items"), Mapping):
        return pa.list_(arrow_type(schema["items"], defs))
    if kind == "object" and schema.get("properties"):
        fields = schema["properties"].items()
        return pa.struct([(name, arrow_type(each, defs)) for name, each in fields])
    return _SIMPLE.get(str(kind), pa.string())


def _value(value: Any, kind: pa.DataType) -> Any:
    """A value as its column takes it."""
    if value is None:
        return None
    if pa.types.is_struct(kind):
        if not isinstance(value, Mapping):
            return None
        return {field.name: _value(value.get(field.name), field.type) for field in kind}
    if pa.types.is_list(kind):
        return [_value(each, kind.value_type) for each in value]
    if pa.types.is_string(kind) and not isinstance(value, str):
        return json.dumps(value)
    return value
