"""One patient's uptake: mean SUV and unevenness of every tissue, with the physiology that fools readers."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from seganypet.errors import UsageError
from seganypet.phantom.tracers.classes import FALLBACK, spread_within, uptake_class, without_side
from seganypet.phantom.tracers.entries import Entry
from seganypet.phantom.tracers.factors import draw_factors, draw_scores
from seganypet.phantom.tracers.tables import TABLES, TRACERS, VARIANTS, Tracer
from seganypet.phantom.tracers.unevenness import Pair, unevenness_of
from seganypet.phantom.tracers.variants import Variant, choose_variants, keys_of

# Patients differ in how uneven their tissues are, too.
_UNEVENNESS_LOG_SD = 0.2
_RANDOM_SUV = (0.1, 12.0)
_RANDOM_UNEVENNESS = (0.6, 0.4)


@dataclass(frozen=True, kw_only=True)
class Uptake:
    """What one patient's tissues take up.

    Attributes:
        tracer: The tracer.
        suv: Mean SUV (body weight) by tissue name.
        unevenness: Log standard deviation of a coarse (about 3 cm) and a fine (about 1 cm) pattern, by tissue.
        variants: Physiological variants of this patient, for example "brown_fat".
    """

    tracer: Tracer
    suv: Mapping[str, float]
    unevenness: Mapping[str, Pair]
    variants: tuple[str, ...] = ()


def draw_patient(
    names: Iterable[str],
    rng: np.random.Generator,
    tracer: Tracer = "fdg",
    *,
    variants: Collection[str] | None = None,
) -> Uptake:
    """Return the uptake of one patient.

    Tissues vary together as the patient's factors have it (see `factors`), those of a class to a few percent. A
    seed gives the same patient in every body, apart from what exists in one body only.

    Args:
        names: Tissue names, in any order; those without a class of their own take up like muscle.
        rng: Source of randomness.
        tracer: One of `TRACERS`; "random" draws every class log-uniformly from 0.1-12 (domain randomisation).
        variants: Names of exactly the variants to have; None draws them at realistic frequencies.

    Raises:
        UsageError: The tracer is unknown; a variant is unknown, not applicable, or excludes another one.
    """
    if tracer not in TRACERS:
        raise UsageError(f"tracer {tracer!r}; expected one of {', '.join(TRACERS)}")
    ordered = sorted(set(names))
    if tracer == "random":
        choose_variants((), (), {}, rng, variants)
        return _draw_random(ordered, rng)
    table, body = TABLES[tracer], keys_of(ordered)
    factors = draw_factors(rng)
    scores = draw_scores(tracer, table, factors, rng)
    fresh = dict(zip(table, rng.standard_normal(len(table)), strict=True))
    scatter = dict(zip(table, rng.normal(0, _UNEVENNESS_LOG_SD, len(table)), strict=True))
    chosen = choose_variants(VARIANTS[tracer], body, factors, rng, variants)
    within = rng.standard_normal(len(ordered))
    changes = [_Change(variant, *_picked(variant, body, rng)) for variant in chosen]
    suv, unevenness = {}, {}
    for name, own in zip(ordered, within, strict=True):
        kind = _known_class(name, table)
        entry, pair, follows = _changed(name, table[kind], unevenness_of(tracer, kind), changes)
        # A factor that has chosen the variant must not count twice.
        score = float(fresh[kind]) if follows else scores[kind]
        suv[name] = _suv(entry, score, float(own), spread_within(kind))
        factor = math.exp(float(scatter[kind]))
        unevenness[name] = pair[0] * factor, pair[1] * factor
    names_chosen = tuple(variant.name for variant in chosen)
    return Uptake(tracer=tracer, suv=suv, unevenness=unevenness, variants=names_chosen)


class _Change(NamedTuple):
    """A variant, the keys of its entries that apply to this patient, and the side if only one does."""

    variant: Variant
    keys: list[str]
    side: str


def _known_class(name: str, table: Collection[str]) -> str:
    kind = uptake_class(name)
    return kind if kind in table else FALLBACK


def _picked(variant: Variant, body: Collection[str], rng: np.random.Generator) -> tuple[list[str], str]:
    """Keys of the entries that apply to this patient, and the side if only one does."""
    keys = variant.keys_in(body)
    if variant.some is not None:
        count = min(int(rng.integers(variant.some[0], variant.some[1] + 1)), len(keys))
        keys = [str(key) for key in rng.choice(keys, count, replace=False)]
    return keys, ("_left", "_right")[int(rng.integers(2))] if variant.one_side else ""


def _changed(name: str, entry: Entry, pair: Pair, changes: Iterable[_Change]) -> tuple[Entry, Pair, bool]:
    """A tissue's entry and unevenness after all changes, the last one first; whether a factor chose it."""
    follows = False
    for variant, keys, side in changes:
        key = _matching(name, keys, side)
        if key:
            entry, pair = variant.entries[key], variant.unevenness.get(key, pair)
            follows = bool(variant.follows)
    return entry, pair, follows


def _matching(name: str, keys: Collection[str], side: str) -> str:
    """The key that a variant changes a tissue by, its own name before its class; "" for none."""
    if side and without_side(name) != name and not name.endswith(side):
        return ""
    return next((key for key in (without_side(name), uptake_class(name)) if key in keys), "")


def _suv(entry: Entry, score: float, within: float, spread: float) -> float:
    """SUV of a tissue; what differs within a class is taken from what differs between patients."""
    log_median, log_sd = entry.lognormal
    spread = min(spread, log_sd / 2)
    return math.exp(log_median + math.sqrt(log_sd**2 - spread**2) * score + spread * within)


def _draw_random(names: list[str], rng: np.random.Generator) -> Uptake:
    """Any tissue, any uptake; the tissues of a class still take up alike."""
    low, high = _RANDOM_SUV
    level: dict[str, float] = {}
    pattern: dict[str, Pair] = {}
    suv = {}
    for name in names:
        kind = uptake_class(name)
        if kind not in level:
            level[kind] = math.exp(rng.uniform(math.log(low), math.log(high)))
            pattern[kind] = (rng.uniform(0, _RANDOM_UNEVENNESS[0]), rng.uniform(0, _RANDOM_UNEVENNESS[1]))
        within = math.exp(spread_within(kind) * float(rng.standard_normal()))
        suv[name] = min(max(level[kind] * within, low), high)
    unevenness = {name: pattern[uptake_class(name)] for name in names}
    return Uptake(tracer="random", suv=suv, unevenness=unevenness)
