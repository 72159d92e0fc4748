"""An evaluation: every method on every case, side by side, kept as it comes, and its tables."""

from __future__ import annotations

import importlib.util
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch

from seganypet.errors import ManifestError, MethodError, SegAnyPETError, SegAnyPETWarning, UsageError
from seganypet.evaluation.cases import Case, check_names, read_case
from seganypet.evaluation.config import EvaluationConfig
from seganypet.evaluation.memory import MemoryWatch, release_memory
from seganypet.evaluation.methods.entry import Options
from seganypet.evaluation.methods.interface import Method
from seganypet.evaluation.methods.registry import Chosen
from seganypet.evaluation.store import Store
from seganypet.evaluation.unit import UnitResult, run_unit
from seganypet.io import ManifestRow, read_labels, read_manifest
from seganypet.io.case_files import source_files
from seganypet.io.manifest import LABELS_NAME
from seganypet.io.side_by_side import side_by_side
from seganypet.targets import MIN_VOXELS

Labels = Mapping[str, Sequence[int]]
OnUnit = Callable[[int, int], None]
_SHOWN: Final = 10
_LIBRARIES: Final = ("pandas", "surface_distance", "monai")
_FILES: Final = ("image", "reference", "clean_reference", "lesions", "ct", "prompts")


@dataclass(frozen=True, kw_only=True)
class EvaluationRun:
    """What is to be evaluated, on what, where.

    Attributes:
        folder: Where results go.
        manifest: Of the cohort, `labels.json` beside it.
        methods: What is compared.
        config: How.
        split: Whose rows count: "train", "val", "test", or "all"; "" for "test", or all where no row has a split.
        options: Where methods run.
        jobs: Processes side by side.
        threads: Of torch in each of them.
    """

    folder: Path
    manifest: Path
    methods: tuple[Chosen, ...]
    config: EvaluationConfig
    split: str = ""
    options: Options = field(default_factory=Options)
    jobs: int = 1
    threads: int = 1


@dataclass(frozen=True, kw_only=True)
class _Unit:
    """One method on one case."""

    run: EvaluationRun
    method: Chosen
    row: ManifestRow
    labels: Labels
    key: Mapping[str, Any]


def evaluate(run: EvaluationRun, on_unit: OnUnit | None = None) -> list[ManifestRow]:
    """Do what is not done yet; return the rows of the cases, in the manifest's order.

    A unit that was done before with the same settings, method and files is not done again. A method that cannot work
    on a case is noted as skipped there.

    Args:
        run: What to do.
        on_unit: Called with the number of units that are done, and of all, at the start and after each.

    Raises:
        ManifestError: As for `rows_of`; or cases or recorded clicks that cannot be used, in one message, when all
            others are done and kept.
        OutputError: The folder holds another evaluation, or cannot be written.
        MethodError, WeightsError, UsageError: A method cannot be built, or a library is missing.
    """
    require_libraries()
    rows, labels = rows_of(run)
    Store(run.folder).check(run.config, run.manifest, run.options)
    fingerprints = {method.label: method.fingerprint() for method in run.methods}
    units = [
        _Unit(
            run=run,
            method=method,
            row=row,
            labels=labels,
            key={"method": fingerprints[method.label], "files": _stamps(row, labels)},
        )
        for method in run.methods  # of one method after the other, so that no process holds two at a time
        for row in rows
    ]
    missing = _missing(units, Store(run.folder))
    for method in dict.fromkeys(unit.method for unit in missing):
        method.build(run.options)  # refuses before hours of work
    Store(run.folder).claim(run.config, run.manifest, run.options)
    problems = _do(missing, len(units), run, on_unit or (lambda done, of: None))
    if problems:
        more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise ManifestError("; ".join(problems[:_SHOWN]) + more)
    return rows


def require_libraries() -> None:
    """Refuse to begin without the libraries that metrics and tables need.

    Raises:
        UsageError: One is not installed.
    """
    missing = [name for name in _LIBRARIES if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(f'evaluate needs {", ".join(missing)}; pip install "seganypet[evaluate]"')


def rows_of(run: EvaluationRun) -> tuple[list[ManifestRow], Labels]:
    """Return the rows that count, and the labels.

    Raises:
        ManifestError: The manifest or its labels cannot be used; no row of the split; unknown targets.
    """
    rows, labels = read_manifest(run.manifest), read_labels(run.manifest)
    check_names(run.config.targets, labels, run.manifest.with_name(LABELS_NAME))
    for row in rows:
        try:
            check_names(row.targets, labels, run.manifest.with_name(LABELS_NAME))
        except ManifestError as error:
            raise ManifestError(f"{run.manifest}: targets of case {row.case!r}: {error}") from error
    splits = sorted({row.split for row in rows if row.split})
    split = run.split or ("test" if splits else "all")
    found = [row for row in rows if split in ("all", row.split)]
    if not found:
        raise ManifestError(
            f"{run.manifest}: no row of split {split!r}; it has {', '.join(splits) or 'no splits'}; choose "
            "another by --split, or all"
        )
    return found, labels


def _missing(units: Sequence[_Unit], store: Store) -> list[_Unit]:
    """Return the units that are not done, or with files that have changed since."""
    states = [store.state(unit.method.label, unit.row.case, unit.key) for unit in units]
    changed = {unit.row.case for unit, state in zip(units, states, strict=True) if state == "stale"}
    if changed:
        names = ", ".join(sorted(changed)[:_SHOWN])
        warnings.warn(
            f"files of {names} have changed since they were evaluated: they are evaluated again",
            SegAnyPETWarning,
            stacklevel=3,
        )
    return [unit for unit, state in zip(units, states, strict=True) if state != "done"]


def _do(missing: Sequence[_Unit], total: int, run: EvaluationRun, on_unit: OnUnit) -> list[str]:
    """Do units; return what is wrong with cases, each problem once."""
    done = total - len(missing)
    on_unit(done, total)
    problems: dict[str, None] = {}
    for _, problem in side_by_side(_do_unit, [(unit,) for unit in missing], run.jobs, called="evaluate"):
        done += 1
        on_unit(done, total)
        if problem:
            problems[problem] = None
    return list(problems)


# The method that this process holds; only one, so that the memory of others is not counted as its own.
_held: dict[tuple[Chosen, Options], Method] = {}


def _do_unit(unit: _Unit) -> str:
    """Do one method on one case and keep the result; return what is wrong with the case, if anything."""
    run, config = unit.run, unit.run.config
    with _threads(run.threads):
        method = MemoryWatch(_method(unit.method, run.options))
        try:
            case = read_case(
                unit.row,
                unit.labels,
                names=config.targets,
                lesions=config.lesions,
                without_lesions=config.scheme == "autopet",
            )
            result = _result(method, case, config)
        except SegAnyPETError as error:
            return str(error)
    for row in result.costs:
        row |= {"peak_mb": method.peak_mb, "threads": run.threads}
    Store(run.folder).keep(unit.method.label, unit.row.case, unit.key, result)
    return ""


def _result(method: Method, case: Case, config: EvaluationConfig) -> UnitResult:
    """Return what a method does on a case; where it cannot work on the scan, that all targets are skipped."""
    started = time.perf_counter()
    try:
        method.start(case.scan)
    except MethodError as error:
        skipped = [
            {"target": target.name, "instance": target.instance, "draw": 0, "reason": str(error)}
            for target in case.targets
        ]
        return UnitResult(skipped=skipped)
    result = run_unit(method, case, config, time.perf_counter() - started)
    result.skipped += [
        {"target": name, "instance": "", "draw": 0, "reason": f"fewer than {MIN_VOXELS} voxels"}
        for name in case.left_out
    ]
    return result


def _method(wanted: Chosen, options: Options) -> Method:
    """Return a method, built once in each process."""
    if (wanted, options) not in _held:
        _held.clear()
        release_memory()
        _held[wanted, options] = wanted.build(options)
    return _held[wanted, options]


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Let torch use so many threads meanwhile."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _stamps(row: ManifestRow, labels: Labels) -> dict[str, Any]:
    """Return what tells whether a case has changed: sizes and times of its files (ns), its targets, their ids."""
    files: dict[str, Any] = {
        name: [[path, size, time_ns] for path, size, time_ns in stamps]
        for name, stamps in source_files(row, _FILES).items()
    }
    wanted = {name: list(ids) for name, ids in labels.items() if not row.targets or name in row.targets}
    return {**files, "targets": list(row.targets), "labels": wanted}
