"""The folder of an evaluation: settings, and what each method did on each case, kept as it comes.

DIR/settings.json                      what was asked for; an evaluation goes on with the same settings only
DIR/units/METHOD/CASE.json             rows, clicks, costs of one method on one case
DIR/units/METHOD/CASE.npz              its last masks, packed
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from seganypet.errors import OutputError
from seganypet.evaluation.config import EvaluationConfig
from seganypet.evaluation.methods.entry import Options
from seganypet.evaluation.unit import UnitResult
from seganypet.io import write_json
from seganypet.io.write import atomic_path
from seganypet.prompts.regions import bounding_box
from seganypet.volume import BoolArray

SETTINGS_NAME: Final = "settings.json"
State = Literal["missing", "done", "stale"]
_UNITS: Final = "units"
_LISTS: Final = ("rows", "clicks", "costs", "skipped")
_FLOATS: Final = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


class Store:
    """What an evaluation has done so far.

    Args:
        folder: Of the evaluation.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def claim(self, config: EvaluationConfig, manifest: Path, options: Options) -> None:
        """Make the folder this evaluation's.

        Args:
            config: Its settings.
            manifest: What it evaluates on.
            options: Where methods run: other devices and precisions give other masks.

        Raises:
            OutputError: It holds another evaluation, or something else; or cannot be written.
        """
        self.check(config, manifest, options)
        path = self._folder / SETTINGS_NAME
        if not path.exists():
            write_json(_settings(config, manifest, options), path)

    def check(self, config: EvaluationConfig, manifest: Path, options: Options) -> None:
        """Refuse what `claim` would, and write nothing.

        Raises:
            OutputError: As for `claim`.
        """
        path = self._folder / SETTINGS_NAME
        if path.exists():
            self._require_same(_settings(config, manifest, options), path)
        elif self._folder.exists() and (not self._folder.is_dir() or any(self._folder.iterdir())):
            raise OutputError(f"{self._folder}: is there already and no evaluation; choose a new folder")

    def state(self, label: str, case: str, key: Mapping[str, Any]) -> State:
        """Return whether a method is done with a case, or was with other files.

        Args:
            label: Of the method.
            case: Name of the case.
            key: What the result depends on besides the settings: `method`, the method's fingerprint, and `files`.

        Raises:
            OutputError: The result is of another method of that label, or damaged.
        """
        path = self._path(label, case)
        if not path.exists():
            return "missing"
        kept = _load(path).get("key", {})
        if kept.get("method") != key["method"]:
            raise OutputError(
                f"{path}: method {label!r} was {kept.get('method')!r} and is {key['method']!r} now; give it another "
                "label, or choose another folder"
            )
        return "done" if kept == dict(key) else "stale"

    def keep(self, label: str, case: str, key: Mapping[str, Any], result: UnitResult) -> None:
        """Write what a method did on a case.

        Raises:
            OutputError: It cannot be written.
        """
        path = self._path(label, case)
        with atomic_path(path.with_suffix(".npz")) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **_packed(result.masks))  # type: ignore[arg-type]
        lists = {name: _encoded(getattr(result, name)) for name in _LISTS}
        write_json({"key": dict(key), **lists}, path)  # last: it says that all is there

    def result(self, label: str, case: str) -> UnitResult:
        """Return what a method did on a case, without its masks.

        Raises:
            OutputError: It is missing or damaged.
        """
        content = _load(self._path(label, case))
        rows, clicks, costs, skipped = (_decoded(content[name]) for name in _LISTS)
        return UnitResult(rows=rows, clicks=clicks, costs=costs, skipped=skipped)

    def mask(self, label: str, case: str, mask_key: str) -> BoolArray:
        """Return a kept mask, bool [I, J, K].

        Raises:
            OutputError: It is missing or damaged.
        """
        path = self._path(label, case).with_suffix(".npz")
        try:
            with np.load(path) as kept:
                return _unpacked(kept[mask_key], kept[f"{mask_key}/place"])
        except (OSError, ValueError, KeyError) as error:
            raise OutputError(f"{path}: cannot be read ({error}); delete it, and run again") from error

    def _path(self, label: str, case: str) -> Path:
        return self._folder / _UNITS / _file_name(label) / f"{_file_name(case)}.json"

    def _require_same(self, settings: Mapping[str, Any], path: Path) -> None:
        kept = _load(path)
        different = [name for name in settings if kept.get(name) != settings[name]]
        if different:
            found = ", ".join(f"{name} was {kept.get(name)!r}, is {settings[name]!r}" for name in different)
            raise OutputError(
                f"{path}: another evaluation: {found}; use its settings, or choose another folder"
            )


def _settings(config: EvaluationConfig, manifest: Path, options: Options) -> dict[str, Any]:
    """Return what one evaluation must have in common, as JSON gives it back."""
    settings: dict[str, Any] = {"manifest": str(manifest.resolve()), **asdict(config), **asdict(options)}
    found: dict[str, Any] = json.loads(json.dumps(settings))
    return found


def _file_name(name: str) -> str:
    """Return a name that every file system takes, different for every name."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name).lstrip(".")[:80]
    if plain == name and name == name.lower():
        return name
    return f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _load(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OutputError(f"{path}: cannot be read ({error}); delete it, and run again") from error
    if not isinstance(content, dict):
        raise OutputError(f"{path}: holds a {type(content).__name__}; delete it, and run again")
    return content


def _encoded(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows with numbers that JSON lacks as texts."""
    return [
        {k: str(v) if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}
        for row in rows
    ]


def _decoded(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: _FLOATS.get(v, v) if isinstance(v, str) else v for k, v in row.items()} for row in rows]


def _packed(masks: Mapping[str, BoolArray]) -> dict[str, np.ndarray[Any, Any]]:
    """Return masks as bits of their bounding boxes, and where these lie: shape, first voxel, size."""
    packed: dict[str, np.ndarray[Any, Any]] = {}
    for key, mask in masks.items():
        box = bounding_box(mask) if mask.any() else (slice(0, 0),) * 3
        part = mask[box]
        packed[key] = np.packbits(part)
        packed[f"{key}/place"] = np.array([mask.shape, [along.start for along in box], part.shape])
    return packed


def _unpacked(bits: np.ndarray[Any, Any], place: np.ndarray[Any, Any]) -> BoolArray:
    shape, low, size = (tuple(int(n) for n in row) for row in place)
    mask = np.zeros(shape, dtype=np.bool_)
    part = np.unpackbits(bits, count=math.prod(size)).reshape(size).astype(np.bool_)
    mask[tuple(slice(a, a + n) for a, n in zip(low, size, strict=True))] = part
    return mask
