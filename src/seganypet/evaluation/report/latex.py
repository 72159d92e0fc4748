"""Write a table as LaTeX with booktabs."""

from __future__ import annotations

from typing import Final

from seganypet.evaluation.report.table import Cell, Row, Table

_ESCAPES: Final = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': r"\textquotedbl{}",
        "[": "{[}",  # after \\ it would begin an option
        "]": "{]}",
        "*": "{*}",  # likewise
        "–": "--",
        "−": "$-$",
        "±": r"$\pm$",
        "×": r"$\times$",
        "²": "$^2$",
        "≤": r"$\leq$",
        "≥": r"$\geq$",
        "Δ": r"$\Delta$",
        "µ": r"$\mu$",
        "∞": r"$\infty$",
        "…": r"\ldots{}",
        "→": r"$\rightarrow$",
        "†": r"\textdagger{}",
    }
)
_WIDE: Final = 90
_LONG: Final = 50
_PACKAGES: Final = "% needs \\usepackage[T1]{fontenc} and \\usepackage{booktabs,graphicx}"


def escaped(text: str) -> str:
    """Return a text in which nothing is a command, on one line."""
    return " ".join(text.split()).translate(_ESCAPES)


def latex_of_table(table: Table) -> str:
    """Return a floating table with title as caption and notes below, scaled to the page if it is wide or long."""
    body = [
        rf"\begin{{tabular}}{{{'l' * table.texts}{'r' * (len(table.heads) - table.texts)}}}",
        r"\toprule",
        _line([escaped(head) for head in table.heads]),
        r"\midrule",
        *_rows(table),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    scale = _scale(table)
    if scale:
        body = [scale, *body[:-1], body[-1] + "}"]
    notes = " ".join(map(escaped, table.notes))
    below = [r"\par\smallskip", rf"\parbox{{\linewidth}}{{\footnotesize {notes}}}"] if notes else []
    lines = [
        _PACKAGES,
        r"\begin{table}[tbp]",
        r"\centering\small",
        rf"\caption{{{escaped(table.title)}}}",
        rf"\label{{tab:{table.name.replace('_', '-')}}}",
        *body,
        *below,
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _scale(table: Table) -> str:
    """Return the command that fits a long or a wide table to the page, up to its brace; "" of others."""
    if len(table.rows) > _LONG:
        return r"\resizebox{!}{0.8\textheight}{%"
    return r"\resizebox{\linewidth}{!}{%" if _characters(table) > _WIDE else ""


def _rows(table: Table) -> list[str]:
    lines: list[str] = []
    group = ""
    for row in table.rows:
        if row.group != group:
            group = row.group
            if lines:
                lines.append(r"\midrule")
            lines.append(rf"\multicolumn{{{len(table.heads)}}}{{l}}{{\textit{{{escaped(group)}}}}} \\")
        lines.append(_row(row))
    return lines


def _row(row: Row) -> str:
    return _line([_cell(cell) for cell in row.cells])


def _cell(cell: Cell) -> str:
    main = escaped(cell.main())
    bold = rf"\textbf{{{main}}}" if cell.best else main
    return rf"{bold} {{\scriptsize ({escaped(cell.interval)})}}" if cell.interval else bold


def _line(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"


def _characters(table: Table) -> int:
    """Return how many characters the longest line has, about."""
    lines = [table.heads, *(tuple(cell.shown() for cell in row.cells) for row in table.rows)]
    return sum(max(len(line[n]) for line in lines) + 2 for n in range(len(table.heads)))
