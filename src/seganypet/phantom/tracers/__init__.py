"""How much of a tracer each tissue takes up."""

from seganypet.phantom.tracers.uptake import TRACERS, Tracer, draw_uptake, uptake_class

__all__ = ["TRACERS", "Tracer", "draw_uptake", "uptake_class"]
