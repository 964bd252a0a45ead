"""A report as one HTML file, without a script and without anything from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

__all__ = ["page"]

_COLOURS = {
    "system": ("#6639ba", "#f5f0ff"),
    "user": ("#0969da", "#ecf5ff"),
    "assistant": ("#57606a", "#f2f3f5"),
    "tool definition": ("#9a6700", "#fdf6e0"),
}
_OTHER = ("#59636e", "#f2f3f5")

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1f2328; background: #fff;
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.verdict { border-left: 4px solid; padding: .6rem 1rem; font-weight: 600; }
.leak { color: #c62828; border-color: #c62828; background: #fdf1f1; }
.clean { color: #1a7f37; border-color: #1a7f37; background: #eaf7ee; }
.finding { border: 1px solid #d1d9e0; border-left: 4px solid; border-radius: 4px;
  padding: .6rem 1rem; margin: 1rem 0; overflow-wrap: anywhere; }
.role { font-weight: 600; } .faint, dt { color: #59636e; }
q { background: #fff; color: #c62828; } dl { display: grid; grid-template-columns: 7rem 1fr;
  gap: .2rem 1rem; margin: .5rem 0 0; } dd { margin: 0; }
.bar { height: 6px; background: #e0e0e0; border-radius: 3px; }
.bar i { display: block; height: 6px; background: #c62828; border-radius: 3px; }
"""


def page(report: Mapping[str, Any]) -> str:
    """The file's text.

    Args:
        report: As `Report.as_dict` gives it.
    """
    verdict = "clean" if report["clean"] else "leak"
    calls = ", ".join(f"{name} ({count})" for name, count in report["models"].items())
    parts = [
        f'<p class="verdict {verdict}">{escape(report["summary"])}</p>',
        f'<p class="faint">Models called: {escape(calls or "none")}.</p>',
        *map(_finding, report["findings"]),
    ]
    if report["quoted"]:
        parts.append("<h2>Quoted by a model that wrote it itself before, and not counted</h2>")
        parts += map(_finding, report["quoted"])
    if report["canaries_seeded"]:
        parts.append(
            f"<h2>Canaries</h2><p>{report['canaries_seeded']} put among what was retrieved; the"
            f" models' responses held their word {report['canaries_obeyed']} times.</p>"
        )
    skipped = [f"{what} ({count})" for what, count in report["not_looked_at"].items()]
    parts += [
        *_list("The audit failed at", report["failures"]),
        *_list("Not looked for", skipped),
        *_list("What no audit sees", report["blind_spots"]),
    ]
    body = "\n".join(parts)
    title = "Text from outside in trusted roles"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
        '<meta name="viewport" content="width=device-width">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\';'
        " style-src 'unsafe-inline'\">\n"
        f"<style>{_STYLE}</style></head>\n<body><h1>{title}</h1>\n{body}\n</body></html>\n"
    )


def _finding(each: Mapping[str, Any]) -> str:
    strong, weak = _COLOURS.get(each["role"], _OTHER)
    source = each["source"]
    rows = [
        ("found in", f"{each['place']} of {each['model']}, in {each['calls']} calls"),
        ("through", " > ".join(each["through"])),
        ("the call", each["line"]),
        ("the source", source["line"]),
        ("change", each["change"]),
    ]
    shown = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in rows if text)
    percent = round(each["share"] * 100)
    return (
        f'<div class="finding" style="border-left-color: {strong}; background: {weak}">'
        f"{escape(source['kind'])} <b>{escape(source['name'])}</b> →"
        f' <span class="role" style="color: {strong}">{escape(each["role"])}</span>'
        f'<p><q>{escape(each["excerpt"])}</q></p><div class="bar"><i style="width: {percent}%"></i>'
        f'</div><span class="faint">{percent} % of the text, {each["words"]} words</span>'
        f"<dl>{shown}</dl></div>"
    )


def _list(title: str, items: Sequence[str]) -> list[str]:
    if not items:
        return []
    return [f"<h2>{title}</h2><ul>", *(f"<li>{escape(item)}</li>" for item in items), "</ul>"]
