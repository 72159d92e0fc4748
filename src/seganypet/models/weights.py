"""Weight files: 16-bit safetensors with a JSON description beside them, and the authors' checkpoints."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from importlib import resources
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from seganypet.errors import OutputError, SegAnyPETWarning, UsageError, WeightsError
from seganypet.models.checkpoint import is_checkpoint, read_checkpoint
from seganypet.models.checkpoint_config import UNREADABLE, completed_config, config_of
from seganypet.models.compact import CompactSegmenter, with_boxes
from seganypet.models.device import computes_bfloat16, device_named
from seganypet.models.filling import fill, require_fit, unfilled
from seganypet.models.model import ModelDescription, Precision, SegmentationModel
from seganypet.models.presets import PRESETS, build_network
from seganypet.models.writing import require_float32, whole_file

DEFAULT_WEIGHTS = "default"
_CHECKPOINTS = (".pth", ".pt", ".ckpt")
_SUFFIXES = (".safetensors", *_CHECKPOINTS)
# What a checkpoint does not say, and its tensors do not show.
_ASSUMED = ("spacing_mm", "orientation", "normalisation", "prompt_policy", "bfloat16")
# Levels of a description's JSON; ours have three.
_DEPTH = 20
# Part of a tensor's norm that 16 bits may cost; rounding costs at most 0.0005 where numbers are not tiny.
_LOSS = 0.01


class DescribedWeights(NamedTuple):
    """What is known of a weight file.

    Attributes:
        path: The file.
        description: What it says, or what was read off and assumed.
    """

    path: Path
    description: ModelDescription


class _Opened(NamedTuple):
    """A weight file that fits its description; `network` is still without memory, `tensors` may be mapped."""

    described: DescribedWeights
    network: nn.Module
    tensors: dict[str, Tensor]


def load_model(
    weights: str | os.PathLike[str] = DEFAULT_WEIGHTS,
    *,
    device: str = "auto",
    precision: Literal["auto", "float32", "bfloat16"] = "auto",
) -> SegmentationModel:
    """Return a model ready to predict.

    A checkpoint of SegAnyPET or SAM-Med3D is described by its tensors and the authors' preprocessing; a `.json`
    beside it says otherwise where it does, see docs/compatibility.md. Files are told apart by their content.

    Args:
        weights: Name of shipped weights, path of a `.safetensors` file with its `.json` beside it, or path of a
            checkpoint in the authors' format (`.pth`).
        device: "auto" takes a GPU where there is one; else as torch names it ("cpu", "cuda:0").
        precision: "auto" computes in bfloat16 where the weights' description allows it and the processor does so
            natively, else in float32.

    Raises:
        WeightsError: No such weights, or a file that is truncated or of another system.
        UsageError: The device is not available, or the precision unknown.
    """
    (path, description), network, tensors = _opened(weights_path(weights))
    fill(network, tensors, path)
    chosen = device_named(device)
    computed = _precision(precision, chosen, agrees=description.bfloat16)
    return SegmentationModel(network, description, device=chosen, precision=computed)


def load_network(
    weights: str | os.PathLike[str] = DEFAULT_WEIGHTS, *, boxes: bool = False
) -> tuple[nn.Module, ModelDescription]:
    """Return a network to train further, in float32 and on the CPU, and the description of its weights.

    Args:
        weights: As for `load_model`.
        boxes: Whether a compact network that does not take boxes is widened so that it does. To clicks it then
            answers as before; the new parameters are drawn, and the description's `boxes` stays as it is until
            somebody trained them.

    Raises:
        WeightsError: As for `load_model`.
        UsageError: Boxes are asked for of an architecture that has no place for them.
    """
    (path, description), network, tensors = _opened(weights_path(weights))
    if boxes and not isinstance(network, CompactSegmenter):
        raise UsageError(
            f'{path}: architecture "{description.architecture}" has no place for boxes; leave boxes out, or train '
            'weights of architecture "compact" further'
        )
    fill(network, tensors, path)
    if boxes and isinstance(network, CompactSegmenter):
        network = with_boxes(network)
        description = replace(description, config={**description.config, "boxes": True})
    return network, description


def describe_weights(weights: str | os.PathLike[str]) -> DescribedWeights:
    """Return what is known of weights given by name or path, without loading them.

    Names and shapes are compared with the architecture; the numbers themselves are not looked at.

    Raises:
        WeightsError: No such weights, or a file that is truncated or of another system.
    """
    return _opened(weights_path(weights)).described


def shipped_weights() -> list[str]:
    """Return the names of the weights that come with the package."""
    folder = resources.files("seganypet") / "weights"
    if not folder.is_dir():
        return []
    return sorted(
        p.name.removesuffix(".safetensors") for p in folder.iterdir() if p.name.endswith(".safetensors")
    )


def weights_path(weights: str | os.PathLike[str]) -> Path:
    """Return the path of weights given by name or path.

    Raises:
        WeightsError: There are none.
    """
    if str(weights) in shipped_weights():
        return Path(str(resources.files("seganypet") / "weights" / f"{weights}.safetensors"))
    path, shipped = Path(weights), ", ".join(shipped_weights()) or "none"
    if path.is_file():
        return path
    if path.is_dir() and path.name:
        raise WeightsError(f"{path}: is a folder; give the weight file in it")
    if path.suffix in _SUFFIXES:
        raise WeightsError(f"{path}: no such weight file; shipped weights are: {shipped}")
    raise WeightsError(
        f'no weights named "{weights}"; shipped are: {shipped}; or give a .safetensors or .pth path'
    )


def read_description(path: Path) -> ModelDescription:
    """Return the description beside a `.safetensors` file.

    Raises:
        WeightsError: It is missing, unreadable, lacks a field, or belongs to another file.
    """
    sidecar = path.with_suffix(".json")
    if not sidecar.is_file():
        raise WeightsError(f"{path}: its description {sidecar.name} is missing; keep both files together")
    description = _parsed(_read_fields(sidecar), sidecar)
    _require_hash(description, path)
    return description


def _opened(path: Path) -> _Opened:
    """Return the tensors of a file with the network they fit, as yet without memory for it."""
    if is_checkpoint(path):
        tensors = read_checkpoint(path)
        described, blamed = _described(tensors, path), path
    else:
        described, blamed = DescribedWeights(path, read_description(path)), path.with_suffix(".json")
        tensors = _read_tensors(path)
    try:
        with unfilled():
            network = build_network(described.description.architecture, described.description.config)
    except WeightsError as error:
        raise WeightsError(f"{blamed}: {_first_line(error)}") from error
    except (RuntimeError, MemoryError, OverflowError) as error:  # more numbers than can be counted
        raise WeightsError(
            f"{blamed}: no network has such sizes ({_first_line(error)}); damaged? copy it again"
        ) from error
    require_fit(network.state_dict(), tensors, path)
    return _Opened(described, network, tensors)


def _first_line(error: Exception) -> str:
    """Return what an error says, without the calls inside torch that may follow."""
    return str(error).partition("\n")[0]


def _described(tensors: Mapping[str, Tensor], path: Path) -> DescribedWeights:
    """Return the description of a checkpoint: the authors' habits, but for what a `.json` beside it says."""
    sidecar, found = path.with_suffix(".json"), config_of(tensors, path)
    papers = replace(PRESETS["papers"], name=path.stem, config=asdict(found))
    if not sidecar.is_file():
        return DescribedWeights(path, replace(papers, assumed=(*_ASSUMED, *UNREADABLE)))
    content = _read_fields(sidecar)
    try:
        config = completed_config(content.get("config") or {}, found)
    except WeightsError as error:
        raise WeightsError(f"{sidecar}: {error}") from error
    description = _parsed(asdict(papers) | content | {"config": asdict(config)}, sidecar)
    if description.architecture != papers.architecture:
        raise WeightsError(
            f'{sidecar}: architecture is "{description.architecture}", but {path.name} holds '
            f'"{papers.architecture}"; put the description beside its own weights'
        )
    if _is_siblings_hash(description.sha256, path):
        description = replace(description, sha256="")
    _require_hash(description, path)
    named = content.keys() | (content.get("config") or {}).keys()
    stated = named - set(content.get("assumed", ()))
    assumed = tuple(name for name in (*_ASSUMED, *UNREADABLE) if name not in stated)
    return DescribedWeights(path, replace(description, assumed=assumed))


def _read_fields(sidecar: Path) -> dict[str, Any]:
    """Return the fields of a description, not yet checked."""
    try:
        content: dict[str, Any] = json.loads(sidecar.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise WeightsError(f"{sidecar}: cannot be read as JSON ({error}); copy it again") from error
    known = {f.name for f in fields(ModelDescription)}
    if not isinstance(content, dict):
        raise WeightsError(f"{sidecar}: holds no description; copy it again from beside the weights")
    if unknown := content.keys() - known:
        raise WeightsError(
            f"{sidecar}: unknown fields {sorted(unknown)}; known are {', '.join(sorted(known))}; misspelt, or "
            "written by a newer version?"
        )
    _require_tables(content, sidecar)
    if _is_deep(content):
        raise WeightsError(
            f"{sidecar}: is nested more than {_DEPTH} deep; copy it again from beside the weights"
        )
    return content


def _is_deep(content: Any) -> bool:
    """Return whether JSON is nested so deep that those who copy or write it would run out of stack."""
    level = [content]
    for _ in range(_DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return bool(level)


def _require_tables(content: Mapping[str, Any], sidecar: Path) -> None:
    """Refuse fields that readers go through and that are of another form."""
    listed = content.get("assumed", [])
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        raise WeightsError(f"{sidecar}: assumed is {listed!r}; expected a list of names of fields")
    for name in ("training", "metrics"):
        if not isinstance(content.get(name, {}), dict):
            raise WeightsError(f"{sidecar}: {name} is {content[name]!r}; expected values by name, in braces")
    entries = content.get("training_data", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise WeightsError(
            f"{sidecar}: training_data is {entries!r}; expected a list of values by name, in braces"
        )


def _parsed(content: Mapping[str, Any], sidecar: Path) -> ModelDescription:
    try:
        return ModelDescription(**content)
    except (TypeError, WeightsError) as error:
        raise WeightsError(
            f"{sidecar}: {error}; correct it, or copy it again from beside the weights"
        ) from error


def _require_hash(description: ModelDescription, path: Path) -> None:
    if description.sha256 and description.sha256 != sha256_of(path):
        raise WeightsError(
            f"{path}: differs from its description's sha256; the file is truncated or another one; copy both again, "
            "or remove the sha256 if it is of another file"
        )


def _is_siblings_hash(sha256: str, path: Path) -> bool:
    """Return whether a hash beside a checkpoint is that of the `.safetensors` file which shares its description."""
    sibling = path.with_suffix(".safetensors")
    return bool(sha256) and sibling != path and sibling.is_file() and sha256_of(sibling) == sha256


def save_weights(
    model: nn.Module | SegmentationModel, description: ModelDescription, path: str | os.PathLike[str]
) -> ModelDescription:
    """Write a network's weights in 16 bits, and its description beside them; return it with the file's hash.

    Equal weights give equal bytes.

    Args:
        model: The network, or a model that holds it; float16 keeps 11 bits of every weight. Warns where a tensor
            loses more than that.
        description: Its `sha256` is filled in.
        path: Ends in `.safetensors`.

    Raises:
        WeightsError: A weight is not finite, or too large for 16 bits; or it was rounded in memory before.
        OutputError: The files cannot be written, or the description would be that of a checkpoint beside it too.
    """
    network, path = model.network if isinstance(model, SegmentationModel) else model, Path(path)
    if path.suffix != ".safetensors":
        raise OutputError(f"{path}: weights are written as .safetensors; name the file so")
    _refuse_shared_description(path)
    tensors = network.state_dict()
    require_float32(tensors)
    content = save(
        _halved(tensors),
        metadata={"format": "seganypet"},  # of several keys, the order in the file would be random
    )
    complete = replace(description, sha256=hashlib.sha256(content).hexdigest())
    for target, written in (
        (path, content),
        (path.with_suffix(".json"), (json.dumps(asdict(complete), indent=2) + "\n").encode()),
    ):
        with whole_file(target) as partial:
            partial.write_bytes(written)
    return complete


def _refuse_shared_description(path: Path) -> None:
    """Refuse to write where the description is, or would become, that of a checkpoint."""
    for checkpoint in map(path.with_suffix, _CHECKPOINTS):
        if checkpoint.exists():
            raise OutputError(
                f"{path}: {path.with_suffix('.json').name} beside it would describe {checkpoint.name} too; "
                "choose another name"
            )


def _halved(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors in 16 bits; numbers under 6e-5 lose bits, those under 3e-8 become zero."""
    halves = {
        name: (tensor.half() if tensor.is_floating_point() else tensor).contiguous()
        for name, tensor in tensors.items()
    }
    losses = {}
    for name, half in halves.items():
        if not torch.isfinite(half).all():
            raise WeightsError(
                f"{name} holds values that are no 16-bit numbers; did the training diverge? save_checkpoint keeps 32 "
                "bits"
            )
        whole = tensors[name].float()
        losses[name] = float((half.float() - whole).norm() / whole.norm().clamp_min(1e-45))
    worst = max(losses, key=losses.__getitem__, default="")
    if worst and losses[worst] > _LOSS:
        count = sum(loss > _LOSS for loss in losses.values())
        others = f" and {count - 1} more tensors change" if count > 1 else " changes"
        warnings.warn(
            f"{worst}{others} by up to {losses[worst]:.0%} in 16 bits, as the numbers are tiny; save_checkpoint keeps "
            "32 bits",
            SegAnyPETWarning,
            stacklevel=3,
        )
    return halves


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_tensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: no readable safetensors file ({error}); copy it again") from error


def _precision(
    wanted: Literal["auto", "float32", "bfloat16"], device: torch.device, *, agrees: bool
) -> Precision:
    """Return what to compute in; `agrees` is whether these weights' masks were seen to agree in bfloat16."""
    if wanted not in ("auto", "float32", "bfloat16"):
        raise UsageError(f'precision "{wanted}" is unknown; choose auto, float32 or bfloat16')
    native = computes_bfloat16(device)
    if wanted == "auto":
        return "bfloat16" if native and agrees else "float32"
    if wanted == "bfloat16" and not native:
        warnings.warn("this processor emulates bfloat16: float32 is faster", SegAnyPETWarning, stacklevel=3)
    return wanted
