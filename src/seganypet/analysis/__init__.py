"""From volumes and masks to numbers and pictures."""

from seganypet.analysis.quantification import Measurement, measure

__all__ = ["Measurement", "measure"]
