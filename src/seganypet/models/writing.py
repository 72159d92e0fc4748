"""What both weight formats have in common when they are written: whole files, weights of full precision."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from seganypet.errors import OutputError, WeightsError


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a path beside `path` to write to; it takes the place of `path` when the block succeeds.

    Raises:
        OutputError: The block or the renaming fails with an OSError; the file of old stays as it was.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        yield partial
        partial.replace(path)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({error.strerror or error}); choose another folder"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def require_float32(tensors: Mapping[str, Tensor]) -> None:
    """Refuse weights that were rounded in memory: the file would pass them off as exact.

    Raises:
        WeightsError: A tensor of real numbers is not float32.
    """
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and tensor.dtype != torch.float32:
            held = str(tensor.dtype).removeprefix("torch.")
            raise WeightsError(
                f'{name} is held in {held}, not float32; load the model with precision="float32" to save it'
            )
