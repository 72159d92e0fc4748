"""SAM in 2D as its authors and MedSAM's run it, by `transformers`: one picture, points, one mask."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from safetensors import SafetensorError
from torch import Tensor
from torch.nn import functional

from seganypet.errors import MethodError, reason_of
from seganypet.evaluation.methods.axial_slices import Picture
from seganypet.models.device import device_named
from seganypet.volume import BoolArray

Point = tuple[float, float, bool]
"""Row and column (integer = pixel centre), and whether it is positive."""

# Of the colours of ImageNet, 0 to 255.
_MEAN: Final = (123.675, 116.28, 103.53)
_DEVIATION: Final = (58.395, 57.12, 57.375)


@dataclass(frozen=True, kw_only=True)
class Custom:
    """How authors run their weights.

    Attributes:
        stretched: Whether a picture is stretched to the network's square; else its longer side, in mm, fills it, and
            what is left below or on the right is 0.
        cubic: Whether it is resampled by cubic functions; else linearly.
        standardised: Whether colours are standardised as ImageNet's; else each picture runs from 0 to 1.
        several: Whether a single point yields several masks, of which the one that the network trusts most is taken.
        sees_its_last_mask: Whether the logits of the mask before are a prompt, too.
    """

    stretched: bool
    cubic: bool
    standardised: bool
    several: bool
    sees_its_last_mask: bool


SAM: Final = Custom(stretched=False, cubic=False, standardised=True, several=True, sees_its_last_mask=True)
"""segment-anything's `SamPredictor` and its notebook."""
MEDSAM: Final = Custom(
    stretched=True, cubic=True, standardised=False, several=False, sees_its_last_mask=False
)
"""MedSAM's `MedSAM_Inference.py`, with points in place of the box."""


@dataclass(frozen=True, eq=False)
class Embedding:
    """What the encoder made of a picture.

    Attributes:
        features: [1, C, H, W], on the CPU.
        size: Rows and columns of the picture.
        inner: Rows and columns of the network's input that the picture fills.
    """

    features: Tensor
    size: tuple[int, int]
    inner: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Found:
    """A mask, [rows, columns], and its logits as the network takes them back, [1, 1, H, W]."""

    mask: BoolArray
    logits: Tensor


class SamNetwork:
    """SAM's three parts.

    Args:
        model: A `transformers.SamModel`.
        custom: How it is run.
        device: What it runs on.
    """

    def __init__(self, model: Any, custom: Custom, device: torch.device) -> None:
        self._model = model.to(device).eval()
        self._custom = custom
        self._device = device
        self._side = int(model.config.vision_config.image_size)

    @torch.inference_mode()
    def encode(self, picture: Picture, pixel_mm: tuple[float, float]) -> Embedding:
        """Return the embedding of a picture [rows, columns], given the height and width of a pixel."""
        inner = self._inner(picture.shape, pixel_mm)
        pixels = torch.from_numpy(np.array(picture, dtype=np.float32))[None, None]
        kind = "bicubic" if self._custom.cubic else "bilinear"
        resized = functional.interpolate(pixels, inner, mode=kind, antialias=True).expand(-1, 3, -1, -1)
        coloured = self._coloured(resized)
        padding = (0, self._side - inner[1], 0, self._side - inner[0])
        features = self._model.get_image_embeddings(functional.pad(coloured, padding).to(self._device))
        rows, columns = picture.shape
        return Embedding(features.cpu(), (rows, columns), inner)

    @torch.inference_mode()
    def decode(self, embedding: Embedding, points: Sequence[Point], before: Found | None) -> Found:
        """Return the mask of all points together, of which there is at least one."""
        several = self._custom.several and len(points) == 1
        show = self._custom.sees_its_last_mask and before is not None
        answer = self._model(
            image_embeddings=embedding.features.to(self._device),
            input_points=self._points(embedding, points),
            input_labels=torch.tensor([[[int(p[2]) for p in points]]], device=self._device),
            input_masks=before.logits.to(self._device) if show and before is not None else None,
            multimask_output=several,
        )
        best = int(answer.iou_scores[0, 0].argmax())
        logits = answer.pred_masks[:, 0, best : best + 1].float()
        return Found(self._restored(logits, embedding), logits.clamp(-32, 32).cpu())

    def _inner(self, size: tuple[int, ...], pixel_mm: tuple[float, float]) -> tuple[int, int]:
        """Return the rows and columns of the network's input that a picture fills."""
        if self._custom.stretched:
            return self._side, self._side
        height, width = (n * mm for n, mm in zip(size, pixel_mm, strict=True))
        scale = self._side / max(height, width)
        return max(1, round(height * scale)), max(1, round(width * scale))

    def _coloured(self, grey: Tensor) -> Tensor:
        """Return grey pictures [1, 3, H, W] of 0 to 255 as the network expects colours."""
        if self._custom.standardised:
            mean, deviation = (torch.tensor(c).view(1, 3, 1, 1) for c in (_MEAN, _DEVIATION))
            return (grey.round().clamp(0, 255) - mean) / deviation
        low, high = grey.min(), grey.max()
        return (grey - low) / (high - low).clamp(min=1e-8)

    def _points(self, embedding: Embedding, points: Sequence[Point]) -> Tensor:
        """Return points as the network counts them, [1, 1, N, 2]: x before y, to which it adds half a pixel."""
        (rows, columns), (height, width) = embedding.size, embedding.inner
        at = [
            ((column + 0.5) * width / columns - 0.5, (row + 0.5) * height / rows - 0.5)
            for row, column, _ in points
        ]
        return torch.tensor([[at]], dtype=torch.float32, device=self._device)

    def _restored(self, logits: Tensor, embedding: Embedding) -> BoolArray:
        """Return the mask on the picture's own pixels."""
        full = functional.interpolate(logits, (self._side, self._side), mode="bilinear", align_corners=False)
        inner = full[..., : embedding.inner[0], : embedding.inner[1]]
        own = functional.interpolate(inner, embedding.size, mode="bilinear", align_corners=False)
        mask: BoolArray = (own[0, 0] > 0).cpu().numpy()
        return mask


def load_sam(folder: Path, custom: Custom, device: str) -> SamNetwork:
    """Return the network of a folder in Hugging Face's format: config.json and model.safetensors.

    Raises:
        MethodError: `transformers` is not installed; the folder is missing or holds no SAM; its weights do not fit.
        UsageError: The device is not available.
    """
    on = device_named(device)
    _check(folder)
    sam_model = _sam_model()
    try:
        model, report = sam_model.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except _MISFITS as error:
        raise MethodError(
            f"{folder}: cannot be loaded as a SAM ({reason_of(error)}); download it again"
        ) from error
    wrong = sorted(str(key) for kind in _KINDS_OF_MISFIT for key in report.get(kind, ()))
    if wrong:
        raise MethodError(
            f"{folder}: {len(wrong)} tensors do not fit a SAM, as {wrong[0]}; are these weights SAM's?"
        )
    return SamNetwork(model, custom, on)


def _sam_model() -> Any:
    """Return `transformers.SamModel`."""
    try:
        import transformers
    except ImportError as error:
        raise MethodError('SAM and MedSAM need transformers; pip install "seganypet[compare]"') from error
    hide_broken_torchvision(transformers)
    try:
        return transformers.SamModel
    except (ImportError, RuntimeError) as error:
        raise MethodError(
            f"SAM and MedSAM: transformers cannot load its SAM ({reason_of(error.__cause__ or error)}); install a "
            "torchvision of the same build as torch"
        ) from error


def hide_broken_torchvision(transformers: Any) -> None:
    """Keep a torchvision of another torch's build out of sight: transformers stumbles over it, and SAM needs none.

    PyPI's torchvision beside a CPU build of torch is such a one.
    """
    if sys.modules.get("torchvision") is not None:
        return
    try:
        import_module("torchvision")
    except ImportError:
        return
    except RuntimeError:
        sys.modules["torchvision"] = None  # type: ignore[assignment]
        transformers.utils.import_utils.is_torchvision_available.cache_clear()


# What `transformers` raises on configurations and tensors that do not fit, and on damaged files.
_MISFITS: Final = (
    OSError,
    RuntimeError,
    ValueError,
    KeyError,
    AttributeError,
    TypeError,
    SafetensorError,
)
_KINDS_OF_MISFIT: Final = ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs")


def _check(folder: Path) -> None:
    """Refuse a folder that holds no SAM in the one format that is read."""
    if not folder.is_dir():
        raise MethodError(f"{folder}: no such folder; download facebook/sam-vit-* or a MedSAM in its format")
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MethodError(
            f"{folder}: no readable config.json; expected a folder of Hugging Face's"
        ) from error
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind != "sam":
        raise MethodError(f'{folder}: config.json says model_type {kind!r}; expected "sam"')
    if not list(folder.glob("*.safetensors")):
        raise MethodError(
            f"{folder}: holds no .safetensors; convert once what you trust: transformers.SamModel.from_pretrained("
            "FOLDER, use_safetensors=False).save_pretrained(FOLDER)"
        )
