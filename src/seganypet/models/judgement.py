"""A linear estimate of how good a mask is: what it is made from, and its coefficients at each scale."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from seganypet.errors import WeightsError

FEATURES: Final = (
    "certainty",
    "support",
    "agreement",
    "best_agreement",
    "least_agreement",
    "sharpness",
    "length",
    "fill",
    "right_clicks",
    "clicks",
)
"""What the estimate is made from, in order; `inference.judging` says what each is."""
CONSTANT: Final = "constant"

Judgement = Mapping[str, Mapping[str, float]]


def key_of(scale: float) -> str:
    """Return the name of a scale in a judgement."""
    return f"{scale:g}"


def check_judgement(judgement: object, scales: tuple[float, ...]) -> None:
    """Refuse what is no judgement of these scales; an empty one is none.

    Raises:
        WeightsError: Scales are missing or unknown, or coefficients are missing, unknown or no finite numbers.
    """
    if not isinstance(judgement, Mapping):
        raise WeightsError(f"judgement is {judgement!r}; expected coefficients by scale, in braces")
    wanted = {key_of(scale) for scale in scales}
    if judgement and set(judgement) != wanted:
        raise WeightsError(f"judgement is of scales {sorted(judgement)}; expected {sorted(wanted)}, or none")
    for scale, terms in judgement.items():
        names = {*FEATURES, CONSTANT}
        if not isinstance(terms, Mapping) or set(terms) != names or not all(map(_is_number, terms.values())):
            raise WeightsError(
                f"judgement at scale {scale} is {terms!r}; expected finite numbers for {', '.join(sorted(names))}"
            )


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
