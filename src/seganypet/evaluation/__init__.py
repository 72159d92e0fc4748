"""How good a mask is, and what the clinic's own methods would have drawn."""

from seganypet.evaluation.metrics import dice
from seganypet.evaluation.thresholds import region_growing, threshold_41

__all__ = ["dice", "region_growing", "threshold_41"]
