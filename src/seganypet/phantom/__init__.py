"""Room: phantom. Simulated PET scans with exact labels."""

from seganypet.phantom.anatomy.body_map import Anatomy
from seganypet.phantom.anatomy.label_maps import anatomy_from_label_map
from seganypet.phantom.anatomy.procedural import procedural_anatomy
from seganypet.phantom.anatomy.tissues import TISSUE_IDS, TISSUES, label_groups
from seganypet.phantom.lesions.drawing import Lesions, add_lesions, body_activity
from seganypet.phantom.scanner.image import scan
from seganypet.phantom.simulate import PhantomCase, PhantomConfig, simulate_case
from seganypet.phantom.texture import breathe, textured_activity
from seganypet.phantom.tracers.uptake import TRACERS, Tracer, draw_uptake

__all__ = [
    "TISSUES",
    "TISSUE_IDS",
    "TRACERS",
    "Anatomy",
    "Lesions",
    "PhantomCase",
    "PhantomConfig",
    "Tracer",
    "add_lesions",
    "anatomy_from_label_map",
    "body_activity",
    "breathe",
    "draw_uptake",
    "label_groups",
    "procedural_anatomy",
    "scan",
    "simulate_case",
    "textured_activity",
]
