"""Lesions: where they lie and how they look, and their exact masks."""

from seganypet.phantom.lesions.plan import Blob, LesionPlan
from seganypet.phantom.lesions.planning import plan_lesions
from seganypet.phantom.lesions.presets import PRESETS
from seganypet.phantom.lesions.rendering import draw_lesions

__all__ = ["PRESETS", "Blob", "LesionPlan", "draw_lesions", "plan_lesions"]
