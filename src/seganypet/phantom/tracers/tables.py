"""The tracers, their uptake tables and their variants."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from seganypet.phantom.tracers.dotatate import DOTATATE, DOTATATE_VARIANTS
from seganypet.phantom.tracers.entries import Entry
from seganypet.phantom.tracers.fapi import FAPI, FAPI_VARIANTS
from seganypet.phantom.tracers.fdg import FDG
from seganypet.phantom.tracers.fdg_variants import FDG_VARIANTS
from seganypet.phantom.tracers.flt import FLT, FLT_VARIANTS
from seganypet.phantom.tracers.psma import PSMA, PSMA_VARIANTS
from seganypet.phantom.tracers.variants import Variant

Tracer = Literal["fdg", "psma", "dotatate", "flt", "fapi", "random"]
TRACERS: tuple[Tracer, ...] = ("fdg", "psma", "dotatate", "flt", "fapi", "random")
# "random" has no table: any tissue takes up anything.
TABLES: Mapping[str, Mapping[str, Entry]] = MappingProxyType(
    {"fdg": FDG, "psma": PSMA, "dotatate": DOTATATE, "flt": FLT, "fapi": FAPI}
)
VARIANTS: Mapping[str, tuple[Variant, ...]] = MappingProxyType(
    {
        "fdg": FDG_VARIANTS,
        "psma": PSMA_VARIANTS,
        "dotatate": DOTATATE_VARIANTS,
        "flt": FLT_VARIANTS,
        "fapi": FAPI_VARIANTS,
        "random": (),
    }
)
