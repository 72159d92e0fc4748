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
_PACKAGES: Final = "% needs \\usepackage[T1]{fontenc} and \\usepackage{adjustbox,booktabs}"


def escaped(text: str) -> str:
    """Return a text in which nothing is a command, on one line."""
    return " ".join(text.split()).translate(_ESCAPES)


def latex_of_table(table: Table) -> str:
    """Return a floating table with title as caption and notes below, scaled to the page if it is wide or long."""
    body = [
        r"\begin{adjustbox}{max width=\linewidth, max totalheight=0.8\textheight}",
        rf"\begin{{tabular}}{{{'l' * table.texts}{'r' * (len(table.heads) - table.texts)}}}",
        r"\toprule",
        _line([escaped(head) for head in table.heads]),
        r"\midrule",
        *_rows(table),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{adjustbox}",
    ]
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
