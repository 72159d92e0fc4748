"""From a volume's own grid to the model's, each stage with its inverse; one for training and inference."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from seganypet.preprocessing.cropping import crop_or_pad, paste
from seganypet.preprocessing.orientation import Orientation, canonical_orientation

if TYPE_CHECKING:
    from seganypet.preprocessing.model_grid import ModelGrid
    from seganypet.preprocessing.resampling import axis_weights, resample
    from seganypet.preprocessing.working_image import WorkingImage

__all__ = [
    "ModelGrid",
    "Orientation",
    "WorkingImage",
    "axis_weights",
    "canonical_orientation",
    "crop_or_pad",
    "paste",
    "resample",
]

# Imported at first use: who turns masks alone, as the client does, needs no torch.
_HOMES = {
    "ModelGrid": "model_grid",
    "WorkingImage": "working_image",
    "axis_weights": "resampling",
    "resample": "resampling",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'seganypet.preprocessing' has no attribute {name!r}")
    value = getattr(import_module(f"seganypet.preprocessing.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
