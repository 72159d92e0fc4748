"""Clicks and boxes, and the simulation of a reader who makes them."""

from seganypet.prompts.box import Box
from seganypet.prompts.click import Click
from seganypet.prompts.depth import deepest_voxel
from seganypet.prompts.regions import largest_component
from seganypet.prompts.simulated_box import simulated_box
from seganypet.prompts.simulation import CLICK_POLICIES, ClickPolicy, next_click

__all__ = [
    "CLICK_POLICIES",
    "Box",
    "Click",
    "ClickPolicy",
    "deepest_voxel",
    "largest_component",
    "next_click",
    "simulated_box",
]
