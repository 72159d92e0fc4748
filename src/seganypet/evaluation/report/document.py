"""A report as data: sections with texts, tables and pictures."""

from __future__ import annotations

from dataclasses import dataclass

from seganypet.evaluation.report.table import Table


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A figure in a file.

    Attributes:
        path: Relative to the report's folder, with "/".
        caption: What it shows.
        png: Its bytes.
    """

    path: str
    caption: str
    png: bytes


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of a report.

    Attributes:
        heading: Its name.
        texts: Paragraphs.
        pictures: Figures, which stand above the tables.
        tables: Its tables.
        foreign: Whether it shows what others measured on other data, and must look different.
    """

    heading: str
    texts: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    tables: tuple[Table, ...] = ()
    foreign: bool = False


@dataclass(frozen=True, kw_only=True)
class Document:
    """A whole report.

    Attributes:
        title: Its name.
        texts: Paragraphs at its beginning.
        sections: Its parts.
    """

    title: str
    texts: tuple[str, ...]
    sections: tuple[Section, ...]
