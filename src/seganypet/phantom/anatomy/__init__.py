"""Where which tissue lies: procedural bodies, and bodies made of any label map."""

from seganypet.phantom.anatomy.body_map import Anatomy
from seganypet.phantom.anatomy.label_maps import anatomy_from_label_map
from seganypet.phantom.anatomy.procedural import procedural_anatomy
from seganypet.phantom.anatomy.tissues import TISSUE_IDS, TISSUES, label_groups

__all__ = [
    "TISSUES",
    "TISSUE_IDS",
    "Anatomy",
    "anatomy_from_label_map",
    "label_groups",
    "procedural_anatomy",
]
