"""Write a cohort: its cases, its names, its manifest; go on where an earlier run ended."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from seganypet.errors import ImageReadError, UsageError
from seganypet.io.manifest import LABELS_NAME, ManifestRow, write_manifest
from seganypet.io.run_record import sha256_of_files
from seganypet.io.side_by_side import side_by_side
from seganypet.io.write import check_new_folder, write_json
from seganypet.phantom.anatomy.tissues import label_groups
from seganypet.phantom.cohort.bodies import names_path, read_label_map
from seganypet.phantom.cohort.cases import case_name, has_cases, remove_unfinished, write_case
from seganypet.phantom.cohort.config import CohortConfig
from seganypet.phantom.cohort.record import read_record, rows_of

MANIFEST_NAME: Final = "manifest.csv"
SETTINGS_NAME: Final = "cohort.json"

OnCase = Callable[[int, int], None]


def simulate_cohort(
    folder: str | Path, config: CohortConfig, *, jobs: int = 1, on_case: OnCase | None = None
) -> list[ManifestRow]:
    """Write a cohort and return the rows of its manifest.

    Each case gets a folder, which appears when it is complete; cases that are there already are kept. The same
    configuration gives the same bytes, whatever `jobs` is and however often the work was interrupted. A cohort may
    grow: with more cases and otherwise the same configuration, the new ones are added.

    Args:
        folder: Where it goes: new, empty, or a cohort of the same configuration.
        config: What it holds.
        jobs: Processes that simulate side by side.
        on_case: Called with the number of cases that are done, and of all, at the start and after each.

    Raises:
        UsageError: The folder holds a cohort of another configuration, or more cases; `jobs` is below 1.
        OutputError: The folder holds other things, or cannot be written.
        SegAnyPETError: As for `write_case`.
    """
    if jobs < 1:
        raise UsageError(f"jobs is {jobs}; expected 1 or more")
    folder = Path(folder)
    with _claimed(folder, _settings(config)):
        _write_missing(folder, config, jobs, on_case or (lambda done, cases: None))
        rows: list[ManifestRow] = []
        for number, split in enumerate(config.splits(), start=1):
            place = folder / case_name(number)
            rows += rows_of(place, read_record(place), config.labels, split)
        write_json(label_groups(), folder / LABELS_NAME)
        write_manifest(rows, folder / MANIFEST_NAME)
    return rows


def _write_missing(folder: Path, config: CohortConfig, jobs: int, on_case: OnCase) -> None:
    """Write the cases that are not there yet."""
    remove_unfinished(folder)
    numbers = range(1, config.cases + 1)
    missing = [number for number in numbers if not (folder / case_name(number)).exists()]
    done = config.cases - len(missing)
    on_case(done, config.cases)
    arguments = [(folder, number, config) for number in missing]
    for _ in side_by_side(write_case, arguments, jobs, called="simulate_cohort"):
        done += 1
        on_case(done, config.cases)


def _settings(config: CohortConfig) -> dict[str, Any]:
    """Return what the bytes of a cohort depend on, as JSON holds it."""
    settings = asdict(config)
    settings["anatomies"] = []
    for path in config.anatomies:
        read_label_map(path)
        hashed = sha256_of_files([path, names_path(path)])
        settings["anatomies"].append({"name": path.name, "sha256": hashed})
    settings["seganypet"] = metadata.version("seganypet")
    restored: dict[str, Any] = json.loads(json.dumps(settings))
    return restored


@contextmanager
def _claimed(folder: Path, settings: Mapping[str, Any]) -> Iterator[None]:
    """Make the folder this cohort's; where the work ends before the first case, leave it as it was."""
    existed = folder.exists()
    _claim(folder, settings)
    try:
        yield
    except BaseException:
        if not has_cases(folder):
            (folder / SETTINGS_NAME).unlink(missing_ok=True)
            with suppress(OSError):
                if not existed:
                    folder.rmdir()
        raise


def _claim(folder: Path, settings: Mapping[str, Any]) -> None:
    """Make the folder this cohort's, or refuse."""
    path = folder / SETTINGS_NAME
    if path.exists():
        try:
            before = dict(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise ImageReadError(f"{path}: cannot be read ({error}); choose another folder") from error
        _check_same(folder, before, settings)
        if before == settings:
            return
    else:
        check_new_folder(folder, purpose="the cohort")
    write_json(settings, path)


def _check_same(folder: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse another configuration, but for more cases."""
    old, new = _flat(before), _flat(now)
    differing = [name for name in {**old, **new} if name != "cases" and old.get(name) != new.get(name)]
    if differing:
        which = "; ".join(f"{name} is {old.get(name)}, not {new.get(name)}" for name in differing)
        raise UsageError(f"{folder}: holds a cohort whose {which}; give the same options, or another folder")
    if not (isinstance(old.get("cases"), int) and old["cases"] <= new["cases"]):
        raise UsageError(
            f"{folder}: holds a cohort whose cases is {old.get('cases')}, not {new['cases']}; a cohort only grows"
        )


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return {"phantom.tracer": "fdg"} of {"phantom": {"tracer": "fdg"}}."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat
