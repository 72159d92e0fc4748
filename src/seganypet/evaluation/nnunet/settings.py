"""What is trained: which network, on what, how long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from seganypet.errors import UsageError
from seganypet.evaluation.nnunet.stunet import SIZES, size_of

Patch = tuple[int, int, int]
Spacing = tuple[float, float, float]

NETWORKS: Final = ("nnunet", "stunet", "segresnet", "swinunetr")
OPTIMIZERS: Final = ("sgd", "adamw")
NORMALISATIONS: Final = ("scan", "cohort")
"""nnU-Net's z-score of each scan; or SUV clipped and scaled alike for all, by the cohort's foreground, which nnU-Net
does to CT, and its authors did to PET for autoPET II [github.com/MIC-DKFZ/nnUNet, issue 2985]."""
MULTIPLES: Final[Mapping[str, int]] = {"nnunet": 1, "stunet": 8, "segresnet": 8, "swinunetr": 32}
"""What the voxels of a patch are a multiple of along each axis; nnU-Net rounds up by itself."""

_WIDTHS: Final = {"nnunet": 32, "stunet": SIZES["small"].width, "segresnet": 32, "swinunetr": 48}
# Heads and normalisation divide the channels into groups.
_WIDTH_MULTIPLES: Final = {"nnunet": 1, "stunet": 1, "segresnet": 8, "swinunetr": 12}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """A network and its training.

    Attributes:
        network: One of `NETWORKS`.
        targets: Names of labels.json, and "lesion" for all lesions together; empty for all.
        epochs: As nnU-Net counts them: parts of the training with a validation after each.
        iterations: Batches in an epoch.
        minutes: Training ends, and the learning rate has fallen, after that time if the epochs take longer.
        patch: Voxels along i, j, k of scans whose axes lead to right, anterior, superior; None for nnU-Net's choice.
        batch: Patches in a batch; None for nnU-Net's choice.
        spacing_mm: Voxels of the training along the same axes; None for nnU-Net's choice.
        width: Channels at full resolution; None for the network's default.
        optimizer: One of `OPTIMIZERS`; None for the network's own, which is AdamW of swinunetr, and nnU-Net's SGD.
        learning_rate: At the beginning; None for 0.01 with SGD and 5e-4 with AdamW.
        augmentation: Whether nnU-Net turns, scales, blurs, … what is learned from.
        normalisation: One of `NORMALISATIONS`.
        seed: Of the weights and of the augmentation, as far as the framework is repeatable.

    Raises:
        UsageError: A value that the network cannot have.
    """

    network: str
    targets: tuple[str, ...] = ()
    epochs: int = 1000
    iterations: int = 250
    minutes: float | None = None
    patch: Patch | None = None
    batch: int | None = None
    spacing_mm: Spacing | None = None
    width: int | None = None
    optimizer: str | None = None
    learning_rate: float | None = None
    augmentation: bool = True
    normalisation: str = "scan"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.network not in NETWORKS:
            raise UsageError(f"network {self.network!r} is unknown; choose of {', '.join(NETWORKS)}")
        if self.optimizer not in (None, *OPTIMIZERS):
            raise UsageError(f"optimizer {self.optimizer!r} is unknown; choose of {', '.join(OPTIMIZERS)}")
        if self.normalisation not in NORMALISATIONS:
            raise UsageError(
                f"normalisation {self.normalisation!r} is unknown; choose of {', '.join(NORMALISATIONS)}"
            )
        for name in ("epochs", "iterations", "minutes", "batch", "width", "learning_rate"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise UsageError(f"{name} is {value}; expected a number above 0")
        if self.spacing_mm is not None and min(self.spacing_mm) <= 0:
            raise UsageError(f"spacing is {self.spacing_mm}; expected millimetres above 0")
        self._check_patch()
        self._check_width()

    @property
    def channels(self) -> int:
        """Channels at full resolution."""
        return self.width or _WIDTHS[self.network]

    def _check_patch(self) -> None:
        multiple = MULTIPLES[self.network]
        if self.patch is None:
            return
        if min(self.patch) < 8 or any(n % multiple for n in self.patch):
            raise UsageError(
                f"patch is {self.patch}; {self.network} takes multiples of {max(multiple, 1)}, and at least 8"
            )
        if self.network == "swinunetr" and max(self.patch) == multiple:
            raise UsageError(
                f"patch is {self.patch}, of which {self.network} leaves one voxel to normalise; give at least "
                f"{2 * multiple} along one axis"
            )

    def _check_width(self) -> None:
        multiple = _WIDTH_MULTIPLES[self.network]
        widths = [size.width for size in SIZES.values()]
        if self.network == "stunet" and size_of(self.channels) is None:
            raise UsageError(
                f"width is {self.width}; stunet has {', '.join(str(n) for n in widths)}, or less"
            )
        if self.channels % multiple:
            raise UsageError(f"width is {self.width}; {self.network} takes multiples of {multiple}")


def legal_patch(network: str, patch: Sequence[int]) -> list[int]:
    """Return a patch that nnU-Net has planned for itself, rounded up to what another network takes."""
    multiple = MULTIPLES[network]
    rounded = [-(-n // multiple) * multiple for n in patch]
    if network == "swinunetr" and max(rounded) == multiple:
        rounded[0] *= 2
    return rounded
