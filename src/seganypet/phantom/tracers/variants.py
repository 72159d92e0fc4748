"""Physiological variants: uptake that is normal in some patients and fools readers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Literal

import numpy as np

from seganypet.errors import UsageError
from seganypet.phantom.tracers.classes import uptake_class, without_side
from seganypet.phantom.tracers.entries import Entry
from seganypet.phantom.tracers.unevenness import Pair


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A physiological variant and what it changes.

    Attributes:
        name: For example "brown_fat".
        frequency: Share of the patients who have the tissues concerned.
        source: Key of `SOURCES`, or "estimate".
        note: What the frequency rests on.
        entries: Uptake that replaces the table's, by class ("marrow") or tissue without its side
            ("thigh_muscle").
        unevenness: Unevenness that replaces the table's, likewise.
        group: At most one variant of a group is drawn; "" for none.
        tail: Which end of the group's scale it takes.
        follows: Factor of the patient that decides, "" for chance alone.
        some: Fewest and most of the entries that apply, chosen at random; None for all.
        one_side: Only one side of paired tissues, chosen at random.

    Raises:
        UsageError: The frequency is not within 0 to 1, or nothing changes.
    """

    name: str
    frequency: float
    source: str
    note: str
    entries: Mapping[str, Entry]
    unevenness: Mapping[str, Pair] = field(default_factory=dict)
    group: str = ""
    tail: Literal["low", "high"] = "high"
    follows: str = ""
    some: tuple[int, int] | None = None
    one_side: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.frequency <= 1:
            raise UsageError(f"frequency {self.frequency:g} of variant {self.name}; expected 0 to 1")
        if not self.entries:
            raise UsageError(f"variant {self.name} changes nothing; give entries")

    def keys_in(self, body: Collection[str]) -> list[str]:
        """Return the entries' keys that a body's keys (see `keys_of`) hold, sorted."""
        return sorted(key for key in self.entries if key in body)


def keys_of(names: Iterable[str]) -> set[str]:
    """Return what variants know tissues by: names without their side, and classes."""
    return {key for name in names for key in (without_side(name), uptake_class(name))}


def choose_variants(
    known: Iterable[Variant],
    body: Collection[str],
    factors: Mapping[str, float],
    rng: np.random.Generator,
    forced: Collection[str] | None,
) -> tuple[Variant, ...]:
    """Return the variants of one patient, in the order of `known`.

    Args:
        known: Variants of the tracer.
        body: The body's keys (see `keys_of`); a variant that changes none of them is not applicable.
        factors: Scores of the patient's factors, standard normal.
        rng: Source of randomness; as many numbers are drawn whatever is forced or applicable.
        forced: Names of exactly the variants to have; None draws them at their frequencies.

    Raises:
        UsageError: A forced variant is unknown, not applicable, or excludes another one.
    """
    variants = tuple(known)
    drawn = _drawn(variants, factors, rng)
    applicable = tuple(variant for variant in variants if variant.keys_in(body))
    if forced is None:
        return tuple(variant for variant in applicable if variant.name in drawn)
    _refuse(forced, applicable)
    return tuple(variant for variant in applicable if variant.name in set(forced))


def _drawn(variants: tuple[Variant, ...], factors: Mapping[str, float], rng: np.random.Generator) -> set[str]:
    """Names drawn at their frequencies; a group shares one uniform number, cut from both ends."""
    uniform: dict[str, float] = {}
    taken: dict[tuple[str, str], float] = {}
    drawn = set()
    for variant, chance in zip(variants, rng.random(len(variants)), strict=True):
        group = variant.group or variant.name
        if variant.follows:
            chance = NormalDist().cdf(factors[variant.follows])
        at = uniform.setdefault(group, float(chance))
        start = taken.get((group, variant.tail), 0.0)
        end = taken[group, variant.tail] = start + variant.frequency
        if start <= (at if variant.tail == "low" else 1 - at) < end:
            drawn.add(variant.name)
    return drawn


def _refuse(forced: Collection[str], applicable: tuple[Variant, ...]) -> None:
    known = {variant.name: variant for variant in applicable}
    for name in forced:
        if name not in known:
            raise UsageError(
                f"variant {name!r} is unknown or has no tissue in this body; known ones: "
                f"{', '.join(known) or 'none'}"
            )
    groups: dict[str, str] = {}
    for name in forced:
        group = known[name].group or name
        if groups.setdefault(group, name) != name:
            raise UsageError(f"variants {groups[group]!r} and {name!r} exclude one another; keep one of them")
