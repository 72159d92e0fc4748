"""From volumes and masks to numbers and pictures."""

from seganypet.analysis.organ_colours import organ_projection
from seganypet.analysis.projections import maximum_intensity_projection, save_preview
from seganypet.analysis.quantification import Measurement, measure

__all__ = ["Measurement", "maximum_intensity_projection", "measure", "organ_projection", "save_preview"]
