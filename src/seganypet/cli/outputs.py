"""Files a command writes: checked before the work begins, and kept all or none."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from seganypet.errors import OutputError

NIFTI, JSON, PNG = (".nii", ".nii.gz"), (".json",), (".png",)
_NAMES = {NIFTI: ".nii.gz or .nii", JSON: ".json", PNG: ".png"}


def record_path(path: Path) -> Path:
    """Return where the run record of an image lies: x.json beside x.nii.gz."""
    stem = path.name
    for suffix in reversed(NIFTI):
        if stem.lower().endswith(suffix):
            stem = stem[: -len(suffix)]
            break
    return path.with_name(f"{stem}.json")


def check_outputs(outputs: Mapping[Path, tuple[str, ...]], inputs: Sequence[Path]) -> None:
    """Refuse outputs that cannot be written, before any work.

    Args:
        outputs: Files to be written, and the suffixes each may have.
        inputs: Files that must stay as they are.

    Raises:
        OutputError: Another suffix, a folder, a place that cannot be written to, one file for two outputs, or
            an input.
    """
    taken = {os.path.realpath(path): f"is an input ({path})" for path in inputs}
    for path, suffixes in outputs.items():
        _check_name(path, suffixes)
        place = os.path.realpath(path)
        if place in taken:
            raise OutputError(f"{path}: {taken[place]} and would be overwritten; choose another name")
        taken[place] = "is written twice"
        _check_place(path)


@contextmanager
def staged(outputs: Sequence[Path]) -> Iterator[dict[Path, Path]]:
    """Give a temporary path for each output; all take their places when the block succeeds, or none does.

    On any failure nothing that this run wrote remains, and files that were there before are as they were.

    Raises:
        OutputError: A place cannot be written to.
    """
    created: list[Path] = []
    stages: dict[Path, Path] = {}
    done: list[Path] = []
    try:
        for path in outputs:
            created += _make_folders(path.parent)
            # In the output's own folder, so that moving it is one step; its own name, for its suffix and errors.
            stages[path] = Path(tempfile.mkdtemp(prefix=".seganypet-", dir=path.parent)) / path.name
        with _named_as_asked(stages):
            yield stages
        for path, stage in stages.items():
            target = Path(os.path.realpath(path))
            fresh = not target.exists()
            stage.replace(target)
            if fresh:
                done.append(target)
        done, created = [], []
    except OSError as error:
        raise OutputError(
            f"{error.filename or outputs[0]}: cannot be written ({error.strerror or error})"
        ) from error
    finally:
        for stage in stages.values():
            shutil.rmtree(stage.parent, ignore_errors=True)
        for target in done:
            target.unlink(missing_ok=True)
        for folder in reversed(created):
            with suppress(OSError):
                folder.rmdir()


@contextmanager
def _named_as_asked(stages: Mapping[Path, Path]) -> Iterator[None]:
    """Put the names that were asked for in place of the temporary ones in messages."""
    try:
        yield
    except OutputError as error:
        text = str(error)
        for path, stage in stages.items():
            text = text.replace(str(stage), str(path))
        raise OutputError(text) from error


def _check_name(path: Path, suffixes: tuple[str, ...]) -> None:
    name = path.name.lower()
    if name.endswith(".dcm"):
        raise OutputError(
            f"{path}: DICOM SEG cannot be written yet; use a name that ends in {_NAMES[suffixes]}"
        )
    if not name.endswith(suffixes):
        raise OutputError(
            f"{path}: unknown suffix {path.suffix!r}; use a name that ends in {_NAMES[suffixes]}"
        )
    if name in suffixes:
        raise OutputError(f"{path}: no name before the suffix; use for example result{suffixes[-1]}")


def _check_place(path: Path) -> None:
    """Refuse what is a folder, or lies where no file can be made."""
    try:
        if path.is_dir():
            raise OutputError(f"{path}: is a folder; give the name of a file")
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        if not folder.is_dir():
            raise OutputError(f"{path}: cannot be written, as {folder} is a file; choose another folder")
        with tempfile.TemporaryFile(dir=folder):  # the only sure test
            pass
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({error.strerror or error}); choose another folder"
        ) from error


def _make_folders(folder: Path) -> list[Path]:
    """Create a folder and return those that were created for it, outermost first."""
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing[::-1]
