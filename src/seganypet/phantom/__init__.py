"""Room: phantom. Simulated PET scans with exact labels."""

from seganypet.phantom.anatomy import Anatomy
from seganypet.phantom.label_maps import anatomy_from_label_map
from seganypet.phantom.lesions import Lesions, add_lesions, body_activity
from seganypet.phantom.procedural import procedural_anatomy
from seganypet.phantom.scanner import scan
from seganypet.phantom.simulate import PhantomCase, PhantomConfig, simulate_case
from seganypet.phantom.texture import breathe, textured_activity
from seganypet.phantom.tissues import TISSUE_IDS, TISSUES, label_groups
from seganypet.phantom.tracers import TRACERS, Tracer, draw_uptake

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
