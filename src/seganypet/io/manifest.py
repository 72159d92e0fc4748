"""The manifest of a cohort: a CSV file with one row a case, and `labels.json`, the names of its label maps' ids.

    case,image,reference,lesions,clean_reference,ct,prompts,targets,split,quality,tracer,centre

Paths are relative to the manifest, with forward slashes; a cell is empty where there is none.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from seganypet.errors import ManifestError, OutputError, UsageError, reason_of
from seganypet.io.write import atomic_path

SPLITS: Final = ("train", "val", "test")
QUALITIES: Final = ("hq", "lq")
LABELS_NAME: Final = "labels.json"
"""File beside the manifest: {name: [ids]}; an organ may be several disjoint parts."""

_PATHS: Final = ("image", "reference", "lesions", "clean_reference", "ct", "prompts")
_NEEDED: Final = ("case", "image")
_BETWEEN_TARGETS: Final = ";"
# Problems that are told in full.
_SHOWN: Final = 10


@dataclass(frozen=True, kw_only=True)
class ManifestRow:
    """One case of a cohort. Paths are as they can be opened; None where there is none.

    Attributes:
        case: Its name, unique in the manifest.
        image: PET: a NIfTI file in SUV, or a DICOM folder.
        reference: Organ label map of disjoint parts.
        lesions: Lesion instances, a label map of its own.
        clean_reference: The truth behind a `reference` of low quality.
        ct: CT of the same patient.
        prompts: Prompt file.
        targets: Names of what to segment in it; empty for everything that is labelled.
        split: "train", "val", "test", or "" where none is set.
        quality: "hq" or "lq" of its labels, or "" where it is unknown.
        tracer: Tracer, such as "fdg"; "" where it is unknown.
        centre: Where, or by which scanner, it was acquired; "" where it is unknown.

    Raises:
        UsageError: No name, or another split or quality than these; a target with a semicolon.
    """

    case: str
    image: Path
    reference: Path | None = None
    lesions: Path | None = None
    clean_reference: Path | None = None
    ct: Path | None = None
    prompts: Path | None = None
    targets: tuple[str, ...] = ()
    split: str = ""
    quality: str = ""
    tracer: str = ""
    centre: str = ""

    def __post_init__(self) -> None:
        if not self.case:
            raise UsageError("case is empty; give every case a name of its own")
        for name in ("case", "tracer", "centre"):
            if getattr(self, name) != getattr(self, name).strip():
                raise UsageError(f"{name} is {getattr(self, name)!r}; leave out the blanks around it")
        for name, allowed in (("split", SPLITS), ("quality", QUALITIES)):
            if getattr(self, name) not in ("", *allowed):
                raise UsageError(
                    f"{name} is {getattr(self, name)!r}; expected {', '.join(allowed)} or an empty cell"
                )
        for target in self.targets:
            if not target or _BETWEEN_TARGETS in target:
                raise UsageError(
                    f"target {target!r}; expected names with a semicolon between them, and none inside"
                )


COLUMNS: Final = tuple(field.name for field in fields(ManifestRow))


def write_manifest(rows: Iterable[ManifestRow], path: str | Path) -> None:
    """Write a manifest; paths become relative to it.

    Args:
        rows: Its rows, in order.
        path: A .csv file; its folder is created, an existing file is replaced.

    Raises:
        OutputError: Two cases of one name, another suffix, or a place that cannot be written to.
    """
    path = Path(path)
    rows = list(rows)
    if path.suffix.lower() != ".csv":
        raise OutputError(f"{path}: unknown suffix {path.suffix!r}; use a name that ends in .csv")
    names: set[str] = set()
    for row in rows:
        if row.case in names:
            raise OutputError(f"{path}: two cases are called {row.case!r}; give each a name of its own")
        names.add(row.case)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_cells(row, path.parent) for row in rows)
    with atomic_path(path) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8", newline="")


def read_manifest(path: str | Path) -> list[ManifestRow]:
    """Return the rows of a manifest, with paths that can be opened.

    Columns may come in any order and be left out, except case and image.

    Args:
        path: A .csv file.

    Raises:
        ManifestError: The file is missing or no CSV in UTF-8; unknown, repeated or missing columns, all in one
            message; no rows; or, all in one message, rows of another length, two cases of one name, splits, qualities
            or targets that are none, files that are missing.
    """
    path = Path(path)
    lines = _lines(path)
    if not lines:
        raise ManifestError(f"{path}: is empty; expected a line with {','.join(COLUMNS)}")
    header = [cell.strip() for cell in lines[0][1]]
    _check_header(path, header)
    if len(lines) == 1:
        raise ManifestError(f"{path}: has no rows; add one a case, below the names of the columns")
    rows: list[ManifestRow] = []
    problems: list[str] = []
    seen: dict[str, int] = {}
    for number, cells in lines[1:]:
        try:
            row = _row(path, number, header, cells)
        except ManifestError as error:
            problems.append(str(error))
            continue
        if row.case in seen:
            problems.append(
                f"{path}, line {number}: case {row.case!r} is that of line {seen[row.case]} too; give each case "
                "a name of its own"
            )
        seen.setdefault(row.case, number)
        rows.append(row)
    if problems:
        more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise ManifestError("; ".join(problems[:_SHOWN]) + more)
    return rows


def read_labels(path: str | Path) -> dict[str, list[int]]:
    """Return the ids of every name of a cohort's reference label maps.

    Args:
        path: `labels.json`, or the manifest it lies beside.

    Raises:
        ManifestError: It is missing, or does not hold {name: [ids above 0]}.
    """
    path = Path(path)
    path = path.with_name(LABELS_NAME) if path.suffix.lower() == ".csv" else path
    try:
        labels = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ManifestError(
            f'{path}: is not there; write {{"liver": [5], …}}, the ids of each organ in the label maps of the column '
            "reference, or {} where the manifest has lesions only"
        ) from error
    except (OSError, ValueError) as error:
        raise ManifestError(
            f"{path}: cannot be read ({reason_of(error)}); it holds {{name: [ids]}} of the label maps"
        ) from error
    if not isinstance(labels, dict):
        raise ManifestError(f"{path}: holds a {type(labels).__name__}; expected {{name: [ids]}}")
    for name, ids in labels.items():
        if not isinstance(ids, list) or not ids or not all(type(i) is int and i > 0 for i in ids):
            raise ManifestError(f"{path}: {name!r} is {ids}; expected a list of whole numbers above 0")
    return labels


def _cells(row: ManifestRow, folder: Path) -> list[str]:
    cells = []
    for name in COLUMNS:
        value = getattr(row, name)
        if name in _PATHS:
            value = "" if value is None else Path(os.path.relpath(value, folder)).as_posix()
        cells.append(_BETWEEN_TARGETS.join(value) if isinstance(value, tuple) else value)
    return cells


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    """Return line number and cells of every line that is not blank."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:  # spreadsheets put a mark before UTF-8
            reader = csv.reader(file, strict=True)
            return [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except FileNotFoundError:
        raise ManifestError(f"{path}: no such file; check the path") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ManifestError(
            f"{path}: cannot be read as CSV ({error}); save it as comma-separated UTF-8"
        ) from error


def _check_header(path: Path, header: Sequence[str]) -> None:
    names = dict.fromkeys(header)
    problems = [f"unknown column {name!r}" for name in names if name not in COLUMNS]
    problems += [f"column {name!r} is there twice" for name in names if header.count(name) > 1]
    problems += [f"no column {name!r}" for name in _NEEDED if name not in header]
    if problems:
        raise ManifestError(
            f"{path}, line 1: {', '.join(problems)}; expected {','.join(COLUMNS)}, each once, with commas"
        )


def _row(path: Path, number: int, header: Sequence[str], line: Sequence[str]) -> ManifestRow:
    if len(line) != len(header):
        raise ManifestError(
            f"{path}, line {number}: {len(line)} cells, but {len(header)} columns; put cells that hold commas in quotes"
        )
    cells = {name: cell.strip() for name, cell in zip(header, line, strict=True)}
    values: dict[str, Any] = dict(cells)
    for name in _PATHS:
        cell = cells.get(name, "")
        values[name] = path.parent / cell if cell else None
        if cell and not (path.parent / cell).exists():
            raise ManifestError(
                f"{path}, line {number}: {name} {cell!r} is not there; paths are relative to the manifest"
            )
    if values["image"] is None:
        raise ManifestError(f"{path}, line {number}: image is empty; give the PET's path")
    targets = cells.get("targets", "")
    values["targets"] = tuple(name.strip() for name in targets.split(_BETWEEN_TARGETS)) if targets else ()
    try:
        return ManifestRow(**values)
    except UsageError as error:
        raise ManifestError(f"{path}, line {number}: {error}") from error
