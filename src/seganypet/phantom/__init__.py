"""Room: phantom. Simulated PET scans with exact labels."""

from seganypet.phantom.anatomy import (
    TISSUE_IDS,
    TISSUES,
    Anatomy,
    anatomy_from_label_map,
    label_groups,
    procedural_anatomy,
)
from seganypet.phantom.case import PhantomCase
from seganypet.phantom.config import PhantomConfig
from seganypet.phantom.lesions import PRESETS, LesionPlan, plan_lesions
from seganypet.phantom.render import Images, Patient, render
from seganypet.phantom.scanner import PROTOCOLS, Examination, Protocol
from seganypet.phantom.simulate import simulate_case
from seganypet.phantom.stream import Block, StreamConfig, blocks, render_blocks
from seganypet.phantom.tracers import TRACERS, Tracer, Uptake, draw_patient

__all__ = [
    "PRESETS",
    "PROTOCOLS",
    "TISSUES",
    "TISSUE_IDS",
    "TRACERS",
    "Anatomy",
    "Block",
    "Examination",
    "Images",
    "LesionPlan",
    "Patient",
    "PhantomCase",
    "PhantomConfig",
    "Protocol",
    "StreamConfig",
    "Tracer",
    "Uptake",
    "anatomy_from_label_map",
    "blocks",
    "draw_patient",
    "label_groups",
    "plan_lesions",
    "procedural_anatomy",
    "render",
    "render_blocks",
    "simulate_case",
]
