"""What every method that is compared looks like from outside: a scan, a target's name, clicks; never the reference."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from seganypet.prompts import Click
from seganypet.volume import BoolArray, Volume

Prompting = Literal["clicks", "slice_clicks", "target"]
"""What tells a method what to segment: "clicks" in 3D; "slice_clicks", one in every axial slice of the target each
time; or "target", the target's name alone, as of networks trained for it, and of text."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Scan:
    """What a method may see of a case.

    Attributes:
        case: Its name.
        volume: The PET, in SUVbw.
        ct: CT of the same patient, not on the PET's grid, where there is one.
        liver_ijk: A voxel well inside the liver, which the reader clicked for methods that take a threshold from
            there; None where the scan shows no liver.
    """

    case: str
    volume: Volume
    ct: Path | None = None
    liver_ijk: tuple[float, float, float] | None = None


class Method(Protocol):
    """A system that segments one target of one scan at a time.

    Each call may raise `MethodError`: the system cannot work on this scan, or has failed.

    Attributes:
        prompting: What tells it what to segment.
    """

    prompting: Prompting

    def start(self, scan: Scan) -> None:
        """Take a scan; forget all clicks."""

    def restart(self, target: str) -> BoolArray:
        """Forget all clicks, keep the scan; return the mask without any click, bool [I, J, K] on the scan's grid.

        Args:
            target: Name of what is to be segmented: an organ, "lesion" or "lesions". Methods that are told by clicks
                return an empty mask, and what they answer later must not depend on it.
        """

    def click(self, click: Click) -> BoolArray:
        """Return the mask after one more click, bool [I, J, K] on the scan's grid; "target" methods get none."""
