"""A method that answers as it was told, and remembers what it was given."""

from __future__ import annotations

from typing import Any

import numpy as np

from seganypet.evaluation.methods.interface import Prompting, Scan
from seganypet.prompts import Click


class Told:
    """Answers with the given masks one after the other, the last one again; remembers the clicks."""

    prompting: Prompting = "clicks"

    def __init__(self, *masks: np.ndarray) -> None:
        self.masks = masks
        self.clicks: list[Click] = []
        self.targets: list[str] = []

    def start(self, scan: Scan) -> None:
        self.scan = scan

    def restart(self, target: str) -> np.ndarray:
        self.targets.append(target)
        self.clicks = []
        return np.zeros_like(self.masks[0])

    def click(self, *given: Any) -> np.ndarray:
        (click,) = given  # nothing else, the reference least of all
        assert type(click) is Click
        self.clicks.append(click)
        return self.masks[min(len(self.clicks), len(self.masks)) - 1]


class Automatic(Told):
    """Answers with a mask by the target's name alone."""

    prompting: Prompting = "target"

    def __init__(self, **masks: np.ndarray) -> None:
        super().__init__(*masks.values())
        self.by_name = masks

    def restart(self, target: str) -> np.ndarray:
        super().restart(target)
        return self.by_name[target]
