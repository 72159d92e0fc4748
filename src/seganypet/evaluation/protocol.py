"""The interactive protocol: a reader looks at the mask and clicks, a method answers, and so on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from seganypet.errors import GeometryError
from seganypet.evaluation.methods.interface import Method
from seganypet.evaluation.readers import Reader
from seganypet.prompts import Click
from seganypet.volume import BoolArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """What a method gave.

    Attributes:
        round: How many times the reader had looked and clicked before; 0 is the mask without any click.
        clicks: What was clicked this time; empty where nothing was wrong any more.
        mask: The mask, bool [I, J, K].
        seconds: From the first of these clicks to the mask; 0 without clicks, unless the round is 0.
    """

    round: int
    clicks: tuple[Click, ...]
    mask: BoolArray
    seconds: float


def play(method: Method, reader: Reader, target: str, rounds: int) -> Iterator[Answer]:
    """Yield what a method answers without clicks, then after each round of them; it must have been given the scan.

    Where the reader finds nothing wrong, the last mask is kept. A method that is told the target's name gets no clicks.

    Args:
        method: What is tested.
        reader: Who clicks.
        target: Name of the target.
        rounds: How often the reader clicks.

    Raises:
        GeometryError: A mask is on another grid.
    """
    started = time.perf_counter()
    mask = method.restart(target)
    yield Answer(round=0, clicks=(), mask=mask, seconds=time.perf_counter() - started)
    for number in range(1, rounds + 1):
        clicks = () if method.prompting == "target" else tuple(reader.clicks(mask))
        started = time.perf_counter()
        for click in clicks:
            before, mask = mask, method.click(click)
            if mask.shape != before.shape:
                raise GeometryError(
                    f"the method gave a mask of {mask.shape}, not of {before.shape} as its scan"
                )
        seconds = time.perf_counter() - started if clicks else 0.0
        yield Answer(round=number, clicks=clicks, mask=mask, seconds=seconds)
