"""All methods that can be compared, by name."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from seganypet.errors import UsageError, choice_of
from seganypet.evaluation.methods import (
    clinic,
    ct,
    external,
    nninteractive,
    predictions,
    sam,
    seeded,
    session,
    vista3d,
)
from seganypet.evaluation.methods.entry import Entry, Options
from seganypet.evaluation.methods.interface import Method
from seganypet.io.run_record import sha256_of_file
from seganypet.models.weights import shipped_weights, weights_path

WEIGHTS: Final = "weights"
ENTRIES: Final[Mapping[str, Entry]] = {
    **session.ENTRIES,
    **clinic.ENTRIES,
    **seeded.ENTRIES,
    **predictions.ENTRIES,
    **sam.ENTRIES,
    **nninteractive.ENTRIES,
    **vista3d.ENTRIES,
    **external.ENTRIES,
    **ct.ENTRIES,
}
"""By the name that `--methods` takes."""

_WEIGHT_SUFFIXES: Final = (".safetensors", ".pth", ".pt", ".ckpt")


@dataclass(frozen=True)
class Chosen:
    """A method that was asked for.

    Attributes:
        label: What it is called in results.
        name: Its entry's.
        argument: What followed the "=", "" if nothing.
    """

    label: str
    name: str
    argument: str = ""

    @property
    def entry(self) -> Entry:
        """What is known of it."""
        return ENTRIES[self.name]

    @property
    def title(self) -> str:
        """Its name in tables."""
        return self.label if self.name == WEIGHTS or self.label != self.name else self.entry.title

    def build(self, options: Options) -> Method:
        """Return it.

        Raises:
            MethodError, WeightsError, UsageError: Something that it needs is missing.
        """
        return self.entry.build(self.argument, options)

    def fingerprint(self) -> str:
        """Return what tells it from another of the same label: its name, and its argument or the hash of its files."""
        return f"{self.name}={self._argument_print()}"

    def _argument_print(self) -> str:
        kind, argument = self.entry.argument, self.argument
        if kind == "FILE":
            path = weights_path(argument) if self.name == WEIGHTS else Path(argument)
            return sha256_of_file(path) if path.is_file() else argument
        if kind == "FOLDER":
            return folder_print(Path(argument), self.entry.told_by)
        return argument


def folder_print(folder: Path, names: Sequence[str] = ()) -> str:
    """Return a hash of names, sizes and times of change of a folder's files; "" where it is none.

    Args:
        folder: The folder.
        names: Files in it that tell all that matters; empty for all of them.
    """
    files = [folder / name for name in names] or sorted(folder.rglob("*"))
    stats = [(path.relative_to(folder).as_posix(), path.stat()) for path in files if path.is_file()]
    told = "".join(f"{name} {stat.st_size} {stat.st_mtime_ns}\n" for name, stat in stats)
    return hashlib.sha256(told.encode()).hexdigest() if told else ""


def chosen(text: str) -> Chosen:
    """Return the method that a text asks for: `NAME`, `NAME=ARGUMENT` or weights, with `LABEL:` before it if wanted.

    Args:
        text: For example "threshold41", "predictions=FOLDER", "default", "run/weights.safetensors" or "run
            3:run3/weights.safetensors".

    Raises:
        UsageError: No method is called so; an argument is missing, or there is one too many; the label is empty.
    """
    label, spec = _labelled(text)
    name, _, argument = spec.partition("=")
    if spec in shipped_weights() or (spec.lower().endswith(_WEIGHT_SUFFIXES) and name not in ENTRIES):
        return Chosen(label or _label_of(spec), WEIGHTS, spec)
    if name not in ENTRIES:
        choice = choice_of(spec, [*shipped_weights(), *(_usage(n) for n in ENTRIES)])
        raise UsageError(f"--methods: {spec!r} is unknown, and no file of weights; {choice}")
    wanted = ENTRIES[name].argument
    if bool(wanted) != bool(argument):
        raise UsageError(f"--methods: {spec!r}; write {_usage(name)}")
    return Chosen(label or (_label_of(argument) if name == WEIGHTS else name), name, argument)


def chosen_methods(texts: Sequence[str]) -> list[Chosen]:
    """Return the methods that texts ask for.

    Raises:
        UsageError: As for `chosen`; or two have the same label.
    """
    methods = [chosen(text) for text in texts]
    labels = [method.label for method in methods]
    titles = [method.title for method in methods]
    twice = sorted({name for names in (labels, titles) for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"--methods: two are called {twice[0]!r}; give one another name: NAME:METHOD")
    return methods


def _labelled(text: str) -> tuple[str, str]:
    """Return the label before the first colon, "" where there is none, and the rest."""
    label, colon, spec = text.strip().partition(":")
    drive = os.name == "nt" and len(label) == 1
    if not colon or drive or "=" in label or os.sep in label:
        return "", text.strip()
    if not label.strip() or not spec.strip():
        raise UsageError(f"--methods: {text!r}; expected NAME:METHOD")
    return label.strip(), spec.strip()


def _label_of(weights: str) -> str:
    """Return what a weight file is called by itself: its name; weights.safetensors its folder's name."""
    path = Path(weights)
    return path.parent.name if path.stem == "weights" and path.parent.name else path.stem


def _usage(name: str) -> str:
    argument = ENTRIES[name].argument
    return f"{name}={argument}" if argument else name
