"""How good a mask is, what a click brings, and what other systems would have drawn."""

from seganypet.evaluation.metrics import dice

__all__ = ["dice"]
