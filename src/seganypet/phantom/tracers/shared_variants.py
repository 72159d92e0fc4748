"""Variants that several tracers have, each with the tracer's own uptake."""

from __future__ import annotations

from seganypet.phantom.tracers.entries import Entry
from seganypet.phantom.tracers.variants import Variant

_BLADDER = "bladder"


def bladder_full(entry: Entry, *, frequency: float, group: str = _BLADDER) -> Variant:
    """Return the bladder of a patient who has not voided."""
    return Variant(
        name="bladder_full",
        frequency=frequency,
        source="estimate",
        note="not voided; no survey was read",
        entries={"urinary_bladder": entry},
        group=group,
    )


def bladder_voided(entry: Entry, *, frequency: float) -> Variant:
    """Return the bladder of a patient who has voided or been given furosemide."""
    return Variant(
        name="bladder_voided",
        frequency=frequency,
        source="estimate",
        note="voided or given furosemide; no survey was read",
        entries={"urinary_bladder": entry},
        group=_BLADDER,
        tail="low",
    )


def ureter_focal(entry: Entry, *, frequency: float) -> Variant:
    """Return urine that stands in segments of one ureter."""
    return Variant(
        name="ureter_focal",
        frequency=frequency,
        source="estimate",
        note="common in reading rooms; no survey was read",
        entries={"ureter": entry},
        unevenness={"ureter": (1.3, 0.4)},
        one_side=True,
    )


def lactation(entry: Entry) -> Variant:
    """Return the breasts of a patient who nurses."""
    return Variant(
        name="lactation",
        frequency=0.005,
        source="estimate",
        note="rare in oncology",
        entries={"breast": entry},
        unevenness={"breast": (0.25, 0.25)},
    )
