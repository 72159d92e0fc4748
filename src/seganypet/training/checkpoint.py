"""The one file that holds all of a training run's state, and whether a run may be continued from it."""

from __future__ import annotations

import json
import os
import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seganypet.errors import OutputError, TrainingError, UsageError
from seganypet.io.write import atomic_path
from seganypet.models.weights import shipped_weights
from seganypet.training.shortage import shortage

FILE_NAME = "checkpoint.pt"
# Full names of what a run may be continued with other values of: they change no number that it computes.
FREE_SETTINGS = frozenset({"loop.log_every", "loop.save_every_s"})
_FORMAT = "seganypet training 1"
_LONGEST_SHOWN = 80
# Weights that a run writes, those to go on from first; `training.run` imports this module and cannot be asked.
_WEIGHTS = ("weights.safetensors", "best.safetensors")
_TEMPORARY = re.compile(r"\.[0-9a-f]{32}\.(pt|json|jsonl)")


def write_checkpoint(path: Path, content: Mapping[str, Any]) -> None:
    """Write a checkpoint so that a kill or a power cut at any moment leaves this one or the one before, whole.

    Args:
        path: Where to; a file there is replaced.
        content: Tensors, numbers, texts, and lists and mappings of them.

    Raises:
        TrainingError: A tensor holds NaN or infinity; nothing is written.
        OutputError: The file cannot be written.
    """
    _require_finite(content, "")
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        try:
            torch.save({"format": _FORMAT, **content}, file)
        except RuntimeError as error:  # torch's writer hides the reason, such as a full disk
            if shortage(error):
                raise
            raise OutputError(
                f"{path}: cannot be written ({_first_line(error)}); free space, then resume"
            ) from error
        file.flush()
        os.fsync(file.fileno())
    _sync_folder(path.parent)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return what `write_checkpoint` was given; tensors on the CPU.

    Raises:
        TrainingError: The file is truncated, damaged or no such checkpoint.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if damaged := archive.testzip():  # torch itself does not look at the checksums
                raise zipfile.BadZipFile(f"wrong checksum of {damaged}")
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (
        OSError,
        EOFError,
        RuntimeError,
        LookupError,
        zipfile.BadZipFile,
        pickle.UnpicklingError,
    ) as error:
        raise TrainingError(
            f"{path} cannot be read ({_first_line(error)}); put back a copy of it, or remove it to start anew"
        ) from error
    if not isinstance(content, dict) or content.pop("format", None) != _FORMAT:
        raise TrainingError(
            f"{path} is no checkpoint of this program's training; choose another folder, or remove it to start anew"
        )
    return content


def remove_leftovers(folder: Path) -> None:
    """Remove the unfinished files of runs that were killed while they wrote."""
    for path in folder.iterdir():
        if _TEMPORARY.fullmatch(path.name):
            path.unlink(missing_ok=True)


def as_json(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipe as it comes back from a JSON file.

    Raises:
        UsageError: It has no JSON form.
    """
    try:
        plain: dict[str, Any] = json.loads(json.dumps(recipe, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise UsageError(f"the recipe has no JSON form ({error}); give texts, numbers and lists") from error
    return plain


def require_same_recipe(given: Mapping[str, Any], stored: Any, where: Path) -> None:
    """Refuse to continue a run with a recipe other than its own; `FREE_SETTINGS` may differ.

    Args:
        given: The recipe now, in its JSON form.
        stored: What the file has as that of the run.
        where: The file it was stored in, in the run's folder; for the message.

    Raises:
        TrainingError: They differ; it names the first setting that does, and both values, or says that the data or
            the weights to start from do. Or the file has none.
    """
    if not isinstance(stored, Mapping):
        raise TrainingError(f"{where} holds no recipe; put back a copy of it, or choose another folder")
    difference = _first_difference(given, stored)
    if difference is not None:
        name, now, then = difference
        found = f"the run has {name} {then}, not {now}; resume with the same recipe"
        if name.startswith("data."):
            found = (
                f"images, labels or rows of split {name.removeprefix('data.')} have changed since the run began, or "
                "other manifests are given; put them back"
            )
        elif name.startswith("model.") and (origin := _origin(stored)) != _origin(given):
            found = _other_weights(origin, where.parent)
        raise TrainingError(f"{where}: {found}, or {_anew(where.parent)}")


def _origin(recipe: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a recipe says of the weights that the run began from; nothing if they were random."""
    history = recipe["model"].get("training", {}).get("history", [])
    return history[-1] if history else {}


def _other_weights(origin: Mapping[str, Any], run: Path) -> str:
    """Return that a run began from other weights, and which to give."""
    if not origin:
        return "the run began from random weights; leave out --weights"
    name = origin.get("name", "")
    if name in shipped_weights():
        return f"the run began from weights {name!r}; give --weights {name}"
    return f"the run began from weights {name!r}; give --weights as in its command, which is in {run / 'run.json'}"


def _anew(run: Path) -> str:
    """Return how to begin another run, from the weights of this one if it has written any."""
    written = next((run / name for name in _WEIGHTS if (run / name).exists()), None)
    if written is None:
        return "choose another folder"
    return f"begin a new run from it in another folder, with --weights {written}"


def _first_difference(given: Any, stored: Any, name: str = "") -> tuple[str, str, str] | None:
    """Return name and both values of the first setting that differs."""
    if not (isinstance(given, Mapping) and isinstance(stored, Mapping)):
        return None if given == stored else (name, _shown(given), _shown(stored))
    for key in dict.fromkeys((*given, *stored)):
        inner = f"{name}.{key}" if name else str(key)
        if inner in FREE_SETTINGS:
            continue
        if key not in given or key not in stored:
            now, then = (_shown(each[key]) if key in each else "absent" for each in (given, stored))
            return inner, now, then
        difference = _first_difference(given[key], stored[key], inner)
        if difference is not None:
            return difference
    return None


def _shown(value: Any) -> str:
    """Return a value for a message, cut where it is long."""
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def _require_finite(value: Any, name: str) -> None:
    """Refuse tensors with values that are not finite, wherever they are."""
    if isinstance(value, Tensor):
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise TrainingError(
                f"{name} holds NaN or infinity and is not saved; the last checkpoint is kept: "
                "start a new run with a lower learning rate, or in float32"
            )
    elif isinstance(value, Mapping | list | tuple):
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, inner in items:
            _require_finite(inner, f"{name}.{key}" if name else str(key))


def _sync_folder(folder: Path) -> None:
    """Make a renaming in the folder outlast a power cut; where folders cannot be synced, do without."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
