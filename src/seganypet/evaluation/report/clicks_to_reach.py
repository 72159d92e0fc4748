"""How many clicks it takes until a mask is good enough (NoC), and how often it never is (NoF)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from seganypet.evaluation.report.results import TARGET, mean_of
from seganypet.evaluation.report.statistics import Estimate

if TYPE_CHECKING:
    import pandas as pd

GOALS: Final = (0.8, 0.85, 0.9)


class Reached(NamedTuple):
    """When a method reached a Dice.

    Attributes:
        clicks: Mean number of clicks; where it is never reached, the highest number that is made, as the field counts.
        never: Share of the targets where it is not reached within these.
    """

    clicks: Estimate
    never: Estimate


def clicks_to_reach(rows: pd.DataFrame, goal: float, most: int) -> Reached:
    """Return how many clicks a method needs.

    Args:
        rows: Of one method that is clicked, draws apart.
        goal: The Dice that is to be reached; reached is reached, even if a later click makes it worse.
        most: How many clicks are made.
    """
    each = first_reached(rows, goal, most)
    return Reached(mean_of(each, "clicks"), mean_of(each, "never"))


def first_reached(rows: pd.DataFrame, goal: float, most: int) -> pd.DataFrame:
    """Return `TARGET`, clicks and never (0 or 1) of each target, draws averaged; see `clicks_to_reach`."""
    clicked = rows[(rows["click"] >= 1) & (rows["click"] <= most) & rows["dsc"].notna()]
    each = clicked[[*TARGET, "draw"]].drop_duplicates()
    good = clicked[clicked["dsc"] >= goal]
    first = good.groupby([*TARGET, "draw"], sort=False, as_index=False)["click"].min()
    found = each.merge(first, on=[*TARGET, "draw"], how="left")
    found["never"] = found["click"].isna().astype(float)
    found["clicks"] = found["click"].fillna(float(most))
    return found.groupby(TARGET, sort=False, as_index=False)[["clicks", "never"]].mean()
