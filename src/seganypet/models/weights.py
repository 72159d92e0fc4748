"""Weight files: 16-bit safetensors with a JSON description beside them."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from dataclasses import asdict, fields, replace
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from seganypet.errors import OutputError, SegAnyPETWarning, UsageError, WeightsError
from seganypet.models.model import ModelDescription, Precision, SegmentationModel
from seganypet.models.presets import build_network

DEFAULT_WEIGHTS = "default"


def load_model(
    weights: str | os.PathLike[str] = DEFAULT_WEIGHTS,
    *,
    device: str = "auto",
    precision: Literal["auto", "float32", "bfloat16"] = "auto",
) -> SegmentationModel:
    """Return a model ready to predict.

    Args:
        weights: Name of shipped weights, or path of a `.safetensors` file with its `.json` beside it.
        device: "auto" takes a GPU where there is one; else as torch names it ("cpu", "cuda:0").
        precision: "auto" computes in bfloat16 where the weights' description allows it and the processor does so
            natively, else in float32.

    Raises:
        WeightsError: No such weights, a file that is truncated or of another system, or an unknown device.
        UsageError: The precision is unknown.
    """
    path = weights_path(weights)
    description = read_description(path)
    try:
        network = build_network(description.architecture, description.config)
    except WeightsError as error:
        raise WeightsError(f"{path.with_suffix('.json')}: {error}") from error
    _fill(network, _read_tensors(path), path)
    chosen = _device(device)
    computed = _precision(precision, chosen, agrees=description.bfloat16)
    return SegmentationModel(network, description, device=chosen, precision=computed)


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
    path = Path(weights)
    if path.suffix == ".safetensors":
        if path.is_file():
            return path
        raise WeightsError(
            f"{path}: no such weight file; shipped weights are: {', '.join(shipped_weights()) or 'none'}"
        )
    if path.suffix in (".pth", ".pt", ".ckpt"):
        raise WeightsError(
            f"{path}: only .safetensors weights with a .json description can be loaded; choose such a file"
        )
    if str(weights) not in shipped_weights():
        raise WeightsError(
            f'no weights named "{weights}"; shipped are: {", ".join(shipped_weights()) or "none"}; '
            "or give a .safetensors path"
        )
    return Path(str(resources.files("seganypet") / "weights" / f"{weights}.safetensors"))


def read_description(path: Path) -> ModelDescription:
    """Return the description beside a weight file.

    Raises:
        WeightsError: It is missing, unreadable, lacks a field, or belongs to another file.
    """
    sidecar = path.with_suffix(".json")
    try:
        content: dict[str, Any] = json.loads(sidecar.read_text())
    except FileNotFoundError:
        raise WeightsError(
            f"{path}: its description {sidecar.name} is missing; keep both files together"
        ) from None
    except (OSError, ValueError) as error:
        raise WeightsError(f"{sidecar}: cannot be read as JSON ({error}); copy it again") from error
    known = {f.name for f in fields(ModelDescription)}
    if not isinstance(content, dict):
        raise WeightsError(f"{sidecar}: holds no description; copy it again from beside the weights")
    if unknown := content.keys() - known:
        raise WeightsError(f"{sidecar}: unknown fields {sorted(unknown)}; written by a newer version?")
    try:
        description = ModelDescription(**content)
    except (TypeError, WeightsError) as error:
        raise WeightsError(f"{sidecar}: {error}; copy it again from beside the weights") from error
    if description.sha256 and description.sha256 != sha256_of(path):
        raise WeightsError(
            f"{path}: differs from its description's sha256; the file is truncated or another one; copy both again"
        )
    return description


def save_weights(network: nn.Module, description: ModelDescription, path: Path) -> ModelDescription:
    """Write a network's weights in 16 bits, and its description beside them; return it with the file's hash.

    Args:
        network: The network; float16 keeps 11 bits of every weight.
        description: Its `sha256` is filled in.
        path: Ends in `.safetensors`.

    Raises:
        WeightsError: A weight is not finite, or too large for 16 bits.
        OutputError: The files cannot be written.
    """
    if path.suffix != ".safetensors":
        raise OutputError(f"{path}: weights are written as .safetensors; name the file so")
    tensors = {
        name: (t.half() if t.is_floating_point() else t).contiguous()
        for name, t in network.state_dict().items()
    }
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise WeightsError(f"{name} holds values that are no 16-bit numbers; did the training diverge?")
    content = save(tensors, metadata={"format": "seganypet", "architecture": description.architecture})
    complete = replace(description, sha256=hashlib.sha256(content).hexdigest())
    _write(path, content)
    _write(path.with_suffix(".json"), (json.dumps(asdict(complete), indent=2) + "\n").encode())
    return complete


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OutputError(f"{path}: cannot be written ({error.strerror}); choose another folder") from error


def _read_tensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: no readable safetensors file ({error}); copy it again") from error


def _fill(network: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    """Load the tensors, or say which do not fit."""
    expected = network.state_dict()
    missing, extra = sorted(expected.keys() - tensors.keys()), sorted(tensors.keys() - expected.keys())
    shared = sorted(expected.keys() & tensors.keys())
    wrong = [k for k in shared if expected[k].shape != tensors[k].shape]
    broken = [k for k in shared if not torch.isfinite(tensors[k]).all()]
    for what, names in (
        ("lacks", missing),
        ("holds unknown", extra),
        ("has another shape for", wrong),
        ("holds NaN or infinity in", broken),
    ):
        if names:
            raise WeightsError(
                f"{path}: {what} {len(names)} tensors ({', '.join(names[:3])}…); weights of another architecture?"
            )
    network.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in tensors.items()})


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, ImportError) as error:
        raise WeightsError(f'device "{name}" is not available here ({str(error).splitlines()[0]})') from error
    return device


def _precision(
    wanted: Literal["auto", "float32", "bfloat16"], device: torch.device, *, agrees: bool
) -> Precision:
    """Return what to compute in; `agrees` is whether these weights' masks were seen to agree in bfloat16."""
    if wanted not in ("auto", "float32", "bfloat16"):
        raise UsageError(f'precision "{wanted}" is unknown; choose auto, float32 or bfloat16')
    native = device.type == "cuda" or _cpu_has_bfloat16()
    if wanted == "auto":
        return "bfloat16" if native and agrees else "float32"
    if wanted == "bfloat16" and not native:
        warnings.warn("this processor emulates bfloat16: float32 is faster", SegAnyPETWarning, stacklevel=3)
    return wanted


def _cpu_has_bfloat16() -> bool:
    """Return whether oneDNN runs bfloat16 natively; without it 16 bits are slower than 32."""
    return (
        bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) if torch.backends.mkldnn.is_available() else False  # type: ignore[no-untyped-call]
    )
