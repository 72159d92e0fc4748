"""nnU-Net as a library: is it there, where may it write, and what of it does the caller get to see."""

from __future__ import annotations

import os
import random
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from importlib import metadata
from pathlib import Path
from typing import Final

import numpy as np

from seganypet.errors import MethodError

# Older ones keep their folders as they were when they were first imported.
_OLDEST: Final[Mapping[str, tuple[int, int]]] = {"nnunetv2": (2, 8), "monai": (1, 5)}
_REMEDY: Final = 'pip install "seganypet[compare,evaluate]"'


def require_framework(network: str) -> dict[str, str]:
    """Return the versions of the libraries that a network needs.

    Args:
        network: One of `NETWORKS`.

    Raises:
        MethodError: One is missing, or too old.
    """
    needed = ["nnunetv2", *(["monai"] if network in ("segresnet", "swinunetr") else [])]
    return {name: _checked_version(name, network) for name in needed}


@contextmanager
def framework(folder: Path, *, workers: int, seed: int) -> Iterator[None]:
    """Let nnU-Net work below a folder; afterwards the process is as it was before.

    Its environment variables are set inside; what it prints goes to `folder`/log.txt; it starts from a seed. PyTorch's
    generators of random numbers, Python's and NumPy's have their own state again afterwards, PyTorch as many
    threads, and matplotlib its settings.

    Args:
        folder: Gets raw, preprocessed and results.
        workers: Processes that augment; 0 for this one.
        seed: Of all random numbers.
    """
    import matplotlib as mpl
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    threads, states = torch.get_num_threads(), (random.getstate(), np.random.get_state())  # noqa: NPY002
    with (
        _variables(_variables_of(folder, workers)),
        torch.random.fork_rng(),
        (folder / "log.txt").open("a", encoding="utf-8") as log,
        redirect_stdout(log),
        redirect_stderr(log),
        mpl.rc_context(),  # nnU-Net's plots change how all figures look
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # of empty classes, old interfaces, and the like
        reseed(seed)
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])  # noqa: NPY002
            torch.set_num_threads(threads)


def reseed(seed: int) -> None:
    """Set the state of all generators of random numbers that nnU-Net draws from. Inside `framework` only."""
    import torch

    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    torch.manual_seed(seed)


def _variables_of(folder: Path, workers: int) -> dict[str, str]:
    places = {name: str(folder / name.removeprefix("nnUNet_")) for name in _FOLDERS}
    return {
        **places,
        "nnUNet_compile": "f",
        "nnUNet_n_proc_DA": str(workers),
        "nnUNet_wandb_enabled": "0",
    }


_FOLDERS: Final = ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results")


@contextmanager
def _variables(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables of the environment for a while."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _checked_version(name: str, network: str) -> str:
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        raise MethodError(f"{network} needs {name}, which is not installed; {_REMEDY}") from None
    major, minor, *_ = (int(part) for part in version.split(".")[:2])
    if (major, minor) < _OLDEST[name]:
        oldest = ".".join(str(part) for part in _OLDEST[name])
        raise MethodError(f"{network} needs {name} {oldest}, not {version}; {_REMEDY}")
    return version
