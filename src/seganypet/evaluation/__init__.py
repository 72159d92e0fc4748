"""How good a mask is, and what the clinic's own methods would have drawn."""

from seganypet.evaluation.metrics import dice
from seganypet.evaluation.protocol import ClickMethod, SessionMethod, ThresholdMethod, dice_per_click
from seganypet.evaluation.thresholds import region_growing, threshold_41

__all__ = [
    "ClickMethod",
    "SessionMethod",
    "ThresholdMethod",
    "dice",
    "dice_per_click",
    "region_growing",
    "threshold_41",
]
