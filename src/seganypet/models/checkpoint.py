"""Checkpoints in the file format of the papers' authors: `.pth` files of SegAnyPET and SAM-Med3D.

A dict written by `torch.save`: the network's tensors under `model_state_dict`, beside them the state of the
training (`optimizer_state_dict`, `args`, an `argparse.Namespace`, and more). Some files hold the tensors alone.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import threading
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from seganypet.errors import OutputError, WeightsError
from seganypet.models.filling import printable
from seganypet.models.model import SegmentationModel
from seganypet.models.sam3d import SegAny3D
from seganypet.models.writing import require_float32, whole_file

_TENSORS = "model_state_dict"
# How the checkpoints of our own training begin their `format`, which this room may not ask for.
_OF_TRAINING = "seganypet training"
_ZIP, _PICKLE = b"PK\x03\x04", b"\x80\x02"  # what torch.save writes, now and before version 1.6
# The one class beyond tensors and plain containers: it only holds attributes.
_SAFE: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [argparse.Namespace]
# torch keeps what is safe in one place for all threads: without order one would take it from another's load.
_LOADING = threading.Lock()
_RESAVE = (
    "python -c \"import torch; c = torch.load('checkpoint.pth', weights_only=False, map_location='cpu'); "
    f"c = c.get('{_TENSORS}', c) if isinstance(c, dict) else c; "
    f"torch.save({{'{_TENSORS}': c if isinstance(c, dict) else c.state_dict()}}, 'weights.pth')\""
)


def is_checkpoint(path: Path) -> bool:
    """Return whether a file is to be read as the authors' format rather than as safetensors, by its content.

    Raises:
        WeightsError: The file cannot be opened.
    """
    head = _head(path)
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < path.stat().st_size:
        return False  # safetensors: the length of a JSON header, then the header
    return head.startswith((_ZIP, _PICKLE)) or path.suffix != ".safetensors"


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """Return the network's tensors of a checkpoint, by bare name, in the dtypes of the file.

    Read by torch's restricted unpickler: it makes tensors, plain containers, the few types that torch itself
    allows or the user has (`torch.serialization.add_safe_globals`), and `argparse.Namespace`; a file that asks for
    anything else is refused. Where torch can, the file is mapped: its training state, twice as large as the
    network, is never read, and the tensors are views of the file until they are copied. Several threads may read.

    Raises:
        WeightsError: The file is no checkpoint, truncated, compressed, holds objects that only unsafe loading
            restores, or no tensors of a network.
    """
    content = _load(path)
    found = content.get(_TENSORS, content) if isinstance(content, dict) else {}
    if not _are_tensors(found):
        raise WeightsError(f"{path}: {_why_no_tensors(content)}")
    if odd := [printable(str(name)) for name, tensor in found.items() if not _is_plain(tensor)]:
        raise WeightsError(
            f"{path}: {odd[0]} is no dense tensor of real numbers; save the network's weights anew"
        )
    return {str(name): tensor for name, tensor in found.items()}


def save_checkpoint(model: nn.Module | SegmentationModel, path: str | os.PathLike[str]) -> None:
    """Write the papers' network in the authors' format, which their code and `load_model` read.

    The format has no place for a description: spacing, orientation, normalisation and prompt policy, where
    they are not the authors', must be kept in the `.json` beside the file.

    Args:
        model: The network, or a model that holds it; its weights are written in float32, bit for bit.
        path: Ends in `.pth`.

    Raises:
        WeightsError: The network is another one, has arithmetic that the authors' code has not, or its weights
            were rounded to 16 bits in memory.
        OutputError: The file cannot be written.
    """
    network = model.network if isinstance(model, SegmentationModel) else model
    path = Path(path)
    if path.suffix != ".pth":
        raise OutputError(f"{path}: checkpoints of the authors' format are written as .pth; name the file so")
    if not isinstance(network, SegAny3D):
        raise WeightsError(
            f"{path}: {type(network).__name__} is not the papers' network, which alone has this format; "
            "use save_weights"
        )
    config = network.config
    if config.corrected or config.decoder_heads != 8:
        raise WeightsError(
            f"{path}: corrected={config.corrected}, decoder_heads={config.decoder_heads} cannot be told from a "
            ".pth file, whose readers assume False and 8; use save_weights"
        )
    tensors = network.state_dict()
    require_float32(tensors)
    content = {_TENSORS: {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}}
    with whole_file(path) as partial, partial.open("wb") as file:
        torch.save(content, file)


def _are_tensors(found: object) -> bool:
    return isinstance(found, dict) and bool(found) and all(isinstance(t, Tensor) for t in found.values())


def _why_no_tensors(content: object) -> str:
    """Return what a file holds in place of a network's tensors, and the remedy."""
    if not isinstance(content, dict):
        held = type(content).__name__
    elif str(content.get("format", "")).startswith(_OF_TRAINING):
        return "is the checkpoint of a training, for --resume; use weights.safetensors beside it"
    elif elsewhere := [name for name, part in content.items() if _are_tensors(part)]:
        name = printable(str(elsewhere[0]))
        return (
            f'has tensors under "{name}" and none under "{_TENSORS}"; if they are of SegAnyPET or SAM-Med3D, save '
            f'them in a dict under "{_TENSORS}"'
        )
    elif isinstance(within := content.get(_TENSORS), dict) and any(
        _are_tensors({0: t}) for t in within.values()
    ):
        odd = next(name for name, value in within.items() if not isinstance(value, Tensor))
        return f'{printable(str(odd))} in "{_TENSORS}" is no tensor but {within[odd]!r:.40}; save the tensors alone'
    else:
        held = f"a dict of {', '.join(map(repr, list(content)[:6])) or 'nothing'}"
    return (
        f'no "{_TENSORS}" with tensors in it, nor tensors by name (it holds {held}); '
        "choose a checkpoint of SegAnyPET or SAM-Med3D"
    )


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(64)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be opened ({error.strerror}); choose another file") from error


def _load(path: Path) -> Any:
    """Return what `torch.save` wrote, restored by torch's restricted unpickler."""
    _refuse_compressed(path)
    # Of a file named .safetensors torch would expect another format.
    mapped = path.suffix != ".safetensors" and _head(path).startswith(_ZIP)
    with _LOADING, _safe_classes(), warnings.catch_warnings(), path.open("rb") as file:
        # What is wrong is said below.
        warnings.filterwarnings("ignore", "Detected pickle protocol", UserWarning)
        try:
            return torch.load(path if mapped else file, weights_only=True, map_location="cpu", mmap=mapped)
        except Exception as error:  # bytes that are no checkpoint fail in any way
            raise WeightsError(f"{path}: {_why_unreadable(path, error)}") from error


def _safe_classes() -> contextlib.AbstractContextManager[Any]:
    """Return a context in which `_SAFE` may be restored; what the user allowed before stays so afterwards."""
    allowed = torch.serialization.get_safe_globals()
    return torch.serialization.safe_globals([safe for safe in _SAFE if safe not in allowed])


def _refuse_compressed(path: Path) -> None:
    """Refuse a compressed zip: it cannot be mapped, and a small one may unpack to more than the memory holds."""
    try:
        with zipfile.ZipFile(path) as file:
            compressed = any(entry.compress_type != zipfile.ZIP_STORED for entry in file.infolist())
    except Exception:  # noqa: BLE001  no zip, or a damaged one, which fails in any way: torch's reader shall say so
        return
    if compressed:
        raise WeightsError(
            f"{path}: is a compressed zip, which torch.save never writes; if it is an archive with the checkpoint "
            "in it, unpack it and choose the checkpoint, else download the original file"
        )


def _why_unreadable(path: Path, error: Exception) -> str:
    """Return what is wrong with a file that torch cannot load, and the remedy."""
    head = _head(path)
    if unsafe := _unsafe_objects(path, error):
        return (
            f"holds objects that could run code when loaded ({', '.join(map(printable, unsafe[:5]))}), which is "
            # Names of files are no part of the command: a name can be a command itself.
            f"never done; if you trust the file, copy it to checkpoint.pth and save its weights alone: {_RESAVE}"
        )
    if not head:
        return "is empty; copy or download it again"
    if head.startswith(b"version https://git-lfs"):
        return "is a git-lfs pointer, not the weights; fetch them with git lfs pull"
    if head.lstrip().startswith(b"<"):
        return "is a web page, not weights; download the file itself"
    if head.startswith((_ZIP, _PICKLE)):
        return "is truncated, or no checkpoint that torch.save wrote; copy or download it again"
    return "is neither a checkpoint that torch.save wrote nor a safetensors file; choose a .pth or .safetensors file"


def _unsafe_objects(path: Path, error: Exception) -> list[str]:
    """Return the classes and functions that a file asks for beyond the safe ones."""
    try:
        return sorted(torch.serialization.get_unsafe_globals_in_checkpoint(path))
    except Exception:  # noqa: BLE001  truncated, or of torch before 1.6: its error names the first one
        return re.findall(r"Unsupported global: GLOBAL (\S+)", str(error))


def _is_plain(tensor: Tensor) -> bool:
    """Return whether a tensor is dense, real, and has memory for each of its numbers."""
    return (
        tensor.layout == torch.strided
        and tensor.device.type == "cpu"
        and not tensor.is_complex()
        and not tensor.is_quantized
        and tensor.untyped_storage().nbytes() >= tensor.numel() * tensor.element_size()
    )
