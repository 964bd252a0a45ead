"""A report as one HTML file, without a script and without anything from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

__all__ = ["counted", "page"]

_ROLES = {
    "system": "system",
    "user": "user",
    "assistant": "assistant",
    "tool definition": "tool",
}

_STYLE = """
:root { color-scheme: light dark; --text: #1f2328; --faint: #59636e; --page: #fff;
  --line: #d1d9e0; --bad: #c62828; --bad-weak: #fdf1f1; --good: #1a7f37; --good-weak: #eaf7ee; }
.system { --role: #6639ba; --weak: #f5f0ff; } .user { --role: #0969da; --weak: #ecf5ff; }
.tool { --role: #855b00; --weak: #fdf6e0; } .assistant { --role: #57606a; --weak: #f2f3f5; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6edf3; --faint: #9198a1; --page: #0d1117; --line: #3d444d;
    --bad: #ff7b72; --bad-weak: #2d1417; --good: #3fb950; --good-weak: #10261a; }
  .system { --role: #b392f0; --weak: #1d1830; } .user { --role: #58a6ff; --weak: #101d2e; }
  .tool { --role: #d29922; --weak: #272110; } .assistant { --role: #9198a1; --weak: #1c2128; }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: var(--page);
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.verdict { border-left: 4px solid; padding: .6rem 1rem; font-weight: 600; }
.leak { color: var(--bad); background: var(--bad-weak); }
.clean { color: var(--good); background: var(--good-weak); }
.finding { border: 1px solid var(--line); border-left: 4px solid var(--role); border-radius: 4px;
  background: var(--weak); padding: .6rem 1rem; margin: 1rem 0; overflow-wrap: anywhere; }
.role { font-weight: 600; color: var(--role); } .faint, dt { color: var(--faint); }
q { color: var(--bad); } dd { margin: 0; }
dl { display: grid; grid-template-columns: 7rem 1fr; gap: .2rem 1rem; margin: .5rem 0 0; }
.bar { height: 6px; background: var(--line); border-radius: 3px; }
.bar i { display: block; height: 6px; background: var(--bad); border-radius: 3px; }
@media (max-width: 36rem) { dl { display: block; } dd { margin-bottom: .4rem; } }
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
            f" models' responses held their word {counted(report['canaries_obeyed'], 'time')}.</p>"
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


def counted(count: int, noun: str) -> str:
    """A count with its noun, such as `1 call` or `2 calls`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _finding(each: Mapping[str, Any]) -> str:
    source = each["source"]
    rows = [
        ("found in", f"{each['place']} of {each['model']}, in {counted(each['calls'], 'call')}"),
        ("through", " > ".join(each["through"])),
        ("the call", each["line"]),
        ("the source", source["line"]),
        ("change", each["change"]),
    ]
    shown = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in rows if text)
    percent = round(each["share"] * 100)
    found = f"{percent} % of the text, {counted(each['words'], 'word')}"
    return (
        f'<div class="finding {_ROLES.get(each["role"], "assistant")}">'
        f"{escape(source['kind'])} <b>{escape(source['name'])}</b> →"
        f' <span class="role">{escape(each["role"])}</span>'
        f'<p><q>{escape(each["excerpt"])}</q></p><div class="bar"><i style="width: {percent}%"></i>'
        f'</div><span class="faint">{found}</span>'
        f"<dl>{shown}</dl></div>"
    )


def _list(title: str, items: Sequence[str]) -> list[str]:
    if not items:
        return []
    return [f"<h2>{title}</h2><ul>", *(f"<li>{escape(item)}</li>" for item in items), "</ul>"]
