"""Write a report as one HTML file that needs nothing else: pictures inside, no scripts, nothing from the network."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from html import escape
from typing import Final

from seganypet.evaluation.report.document import Document, Picture, Section
from seganypet.evaluation.report.table import Cell, Row, Table

# The page may show its own pictures and styles, and nothing else.
_POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE: Final = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1b1f24; background: #fff; margin: 0 auto; max-width: 76rem;
  padding: 1.5rem; }
h1 { font-size: 1.7rem; line-height: 1.2; }
h2 { font-size: 1.3rem; margin-top: 2.5rem; border-bottom: 2px solid #0072b2; }
p { max-width: 50rem; }
nav a { color: #005a8e; margin-right: 1rem; white-space: nowrap; }
.scroll { overflow-x: auto; margin: 1.5rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding-bottom: .4rem; }
th, td { padding: .25rem .6rem; text-align: right; vertical-align: top; }
th.text, td.text { text-align: left; min-width: 6.5rem; max-width: 34rem; overflow-wrap: break-word; }
td.text:first-child, th.text:first-child { position: sticky; left: 0; background: #fff; }
thead th { border-top: 2px solid #1b1f24; border-bottom: 1px solid #1b1f24; vertical-align: bottom; }
tbody:last-of-type tr:last-child > * { border-bottom: 2px solid #1b1f24; }
tr.group th { text-align: left; font-weight: 400; font-style: italic; background: #f0f3f6; }
td small { display: block; color: #57606a; font-weight: 400; white-space: nowrap; }
ul.notes { color: #424a53; font-size: .85rem; max-width: 60rem; margin: .5rem 0 0; padding-left: 1.1rem; }
figure { margin: 1.5rem 0; }
figure img { max-width: 100%; height: auto; }
figcaption { color: #424a53; font-size: .9rem; max-width: 60rem; }
section.foreign { background: #fff6e0; border: 2px dashed #b36b00; padding: 0 1.2rem 1.2rem; margin-top: 2.5rem; }
section.foreign h2 { border-color: #b36b00; }
section.foreign .text:first-child { background: #fff6e0; }
section.foreign tr.group th { background: #fbe8bf; }
@media print { body { max-width: none; padding: 0; } .scroll { overflow: visible; } }
""".strip()


def html_of_report(document: Document) -> str:
    """Return a whole page."""
    title = escape(document.title)
    links = "\n".join(
        f'<a href="#s{n}">{escape(section.heading)}</a>' for n, section in enumerate(document.sections)
    )
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title>",
        f"<style>\n{_STYLE}\n</style>",
        "</head>",
        "<body>",
        f"<h1>{title}</h1>",
        *(f"<p>{escape(text)}</p>" for text in document.texts),
        f'<nav aria-label="Contents">\n{links}\n</nav>',
        *(line for n, section in enumerate(document.sections) for line in _section(section, n)),
        "</body>",
        "</html>",
    ]
    return "\n".join(lines) + "\n"


def html_of_table(table: Table) -> str:
    """Return a table with its title and notes, without the page around it."""
    return "\n".join(_table(table))


def _section(section: Section, number: int) -> Iterator[str]:
    kind = ' class="foreign"' if section.foreign else ""
    yield f'<section id="s{number}"{kind}>'
    yield f"<h2>{escape(section.heading)}</h2>"
    yield from (f"<p>{escape(text)}</p>" for text in section.texts)
    yield from (_picture(picture) for picture in section.pictures)
    for table in section.tables:
        yield from _table(table)
    yield "</section>"


def _picture(picture: Picture) -> str:
    caption = escape(picture.caption)
    data = base64.b64encode(picture.png).decode("ascii")
    image = f'<img src="data:image/png;base64,{data}" alt="{caption}">'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def _table(table: Table) -> Iterator[str]:
    yield f'<div class="scroll"><table><caption>{escape(table.title)}</caption>'
    heads = (f"<th{_kind(n, table)}>{escape(head)}</th>" for n, head in enumerate(table.heads))
    yield f"<thead><tr>{''.join(heads)}</tr></thead>"
    yield "<tbody>"
    group = ""
    for row in table.rows:
        if row.group != group:
            group = row.group
            yield f'<tr class="group"><th colspan="{len(table.heads)}">{escape(group)}</th></tr>'
        yield _row(row, table)
    yield "</tbody></table>"
    if table.notes:
        yield f'<ul class="notes">{"".join(f"<li>{escape(note)}</li>" for note in table.notes)}</ul>'
    yield "</div>"


def _row(row: Row, table: Table) -> str:
    cells = (f"<td{_kind(n, table)}>{_cell(cell)}</td>" for n, cell in enumerate(row.cells))
    return f"<tr>{''.join(cells)}</tr>"


def _cell(cell: Cell) -> str:
    main = escape(cell.main())
    bold = f"<strong>{main}</strong>" if cell.best else main
    return f"{bold}<small>({escape(cell.interval)})</small>" if cell.interval else bold


def _kind(column: int, table: Table) -> str:
    return ' class="text"' if column < table.texts else ""
