"""From a volume's own grid to the model's, each stage with its inverse; one for training and inference."""

from seganypet.preprocessing.cropping import crop_or_pad, paste
from seganypet.preprocessing.model_grid import ModelGrid
from seganypet.preprocessing.orientation import Orientation, canonical_orientation
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
