"""How much of a tracer each tissue takes up."""

from seganypet.phantom.tracers.classes import uptake_class
from seganypet.phantom.tracers.patient import Uptake, draw_patient
from seganypet.phantom.tracers.sources import SOURCES
from seganypet.phantom.tracers.tables import TABLES, TRACERS, VARIANTS, Tracer

__all__ = [
    "SOURCES",
    "TABLES",
    "TRACERS",
    "VARIANTS",
    "Tracer",
    "Uptake",
    "draw_patient",
    "uptake_class",
]
