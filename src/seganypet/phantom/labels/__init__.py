"""Labels of low quality, as annotators and models produce them, made from exact ones."""

from seganypet.phantom.labels.config import NoiseConfig, mild, severe, typical
from seganypet.phantom.labels.error import LabelError
from seganypet.phantom.labels.noise import KINDS, NoisyLabels, noisy_labels

__all__ = ["KINDS", "LabelError", "NoiseConfig", "NoisyLabels", "mild", "noisy_labels", "severe", "typical"]
