"""Write tables and reports as Markdown, with GitHub's tables."""

from __future__ import annotations

import re
from typing import Final

from seganypet.evaluation.report.document import Document, Section
from seganypet.evaluation.report.table import Cell, Row, Table

_SPECIAL: Final = re.compile(r"([\\`*_\[\]<>|#~&$])")


def escaped(text: str) -> str:
    """Return a text in which nothing is markup, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def markdown_of_table(table: Table) -> str:
    """Return a table with its title and notes; groups begin with a line of their own."""
    heads = [escaped(head) for head in table.heads]
    rules = ["---" if n < table.texts else "---:" for n in range(len(heads))]
    lines = [_line(heads), _line(rules)]
    group = ""
    for row in table.rows:
        if row.group != group:
            group = row.group
            lines.append(_line([f"*{escaped(group)}*", *[""] * (len(heads) - 1)]))
        lines.append(_row(row))
    notes = [f"- {escaped(note)}" for note in table.notes]
    return "\n".join([f"**{escaped(table.title)}**", "", *lines, "", *notes, *([""] if notes else [])])


def markdown_of_report(document: Document) -> str:
    """Return a whole report; pictures are linked."""
    parts = [f"# {escaped(document.title)}", *map(escaped, document.texts)]
    for section in document.sections:
        parts += _section(section)
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _section(section: Section) -> list[str]:
    parts = [f"## {escaped(section.heading)}", *map(escaped, section.texts)]
    parts += [
        f"![{escaped(picture.caption)}]({picture.path})\n\n{escaped(picture.caption)}"
        for picture in section.pictures
    ]
    return parts + [markdown_of_table(table) for table in section.tables]


def _row(row: Row) -> str:
    return _line([_cell(cell) for cell in row.cells])


def _cell(cell: Cell) -> str:
    main = escaped(cell.main())
    bold = f"**{main}**" if cell.best else main
    return f"{bold} ({escaped(cell.interval)})" if cell.interval else bold


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
