"""Clicks, and the simulation of a reader who makes them."""

from seganypet.prompts.click import Click
from seganypet.prompts.simulation import ClickPolicy, deepest_voxel, largest_component, next_click

__all__ = ["Click", "ClickPolicy", "deepest_voxel", "largest_component", "next_click"]
