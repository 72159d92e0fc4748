"""What a command says: results on standard output, warnings and errors as single lines on standard error."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from seganypet.errors import SegAnyPETWarning


def say(text: str = "") -> None:
    """Print a line of results."""
    sys.stdout.write(f"{text}\n")


def complain(kind: str, text: str) -> None:
    """Print one line about a problem, whatever line breaks the text has."""
    sys.stderr.write(f"seganypet: {kind}: {' '.join(text.split())}\n")


def table(rows: Sequence[Sequence[str]], *, indent: int = 2) -> str:
    """Return rows as aligned columns: the first to the left, the others to the right.

    Args:
        rows: Cells; all rows are equally long, the first may be a heading.
        indent: Spaces before each row.
    """
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append(" " * indent + "  ".join(cells).rstrip())
    return "\n".join(lines)


@contextmanager
def shown_warnings() -> Iterator[None]:
    """Show each different SegAnyPETWarning once, as one line; other warnings as Python does, but none of pydicom.

    Pydicom warns of every value that breaks a rule of DICOM, such as a description that is too long; the values that
    matter are checked when they are used.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"pydicom\.")
        warnings.simplefilter("always", SegAnyPETWarning)
        default, seen = warnings.showwarning, set[str]()

        def show(message: Warning | str, category: type[Warning], *where: Any, **further: Any) -> None:
            if not issubclass(category, SegAnyPETWarning):
                default(message, category, *where, **further)
            elif str(message) not in seen:
                seen.add(str(message))
                complain("warning", str(message))

        warnings.showwarning = show
        yield


@contextmanager
def collected_warnings() -> Iterator[list[str]]:
    """Give a list that fills with the texts of the SegAnyPETWarnings shown inside."""
    texts: list[str] = []
    with warnings.catch_warnings():
        shown = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any, **further: Any) -> None:
            if issubclass(category, SegAnyPETWarning) and str(message) not in texts:
                texts.append(str(message))
            shown(message, category, *where, **further)

        warnings.showwarning = show
        yield texts


@contextmanager
def progress(text: str) -> Iterator[None]:
    """Show what is being done while it lasts, on a terminal only."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(text):
        yield


@contextmanager
def progress_bar(text: str) -> Iterator[Callable[[int, int], None] | None]:
    """Give a function to tell how many of how many are done; on a terminal only, elsewhere None.

    The bar goes when all are done, so that others can be shown, and comes back if more are to do.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn(text),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task(text, total=None)

    def show(done: int, of: int) -> None:
        bar.update(task, completed=done, total=of)
        bar.start() if done < of else bar.stop()

    try:
        yield show
    finally:
        bar.stop()


def progress_lines(text: str) -> Callable[[int, int], None]:
    """Return a function to tell how many of how many are done where there is no terminal: a line at each tenth."""
    shown = -1

    def show(done: int, of: int) -> None:
        nonlocal shown
        tenth = 10 * done // max(of, 1)
        if tenth != shown:
            shown = tenth
            sys.stderr.write(f"{text}: {done} of {of}\n")
            sys.stderr.flush()

    return show
