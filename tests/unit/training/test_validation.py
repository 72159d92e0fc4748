"""Validation while training: the protocol's clicks, the mean over all samples, whichever process looks at them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from seganypet.errors import UsageError
from seganypet.models.presets import PRESETS
from seganypet.training.distributed import Processes
from seganypet.training.sample import Sample
from seganypet.training.validation import Validation, ValidationConfig

P = 8


class Cubes(Dataset[Sample]):
    """Sample n is a cube of n + 1 voxels a side."""

    def __getitem__(self, number: int) -> Sample:
        reference = torch.zeros(1, P, P, P, dtype=torch.bool)
        side = number + 1
        reference[:, :side, :side, :side] = True
        return Sample(
            patch=torch.zeros(1, P, P, P),
            reference=reference,
            clean=reference,
            hq=torch.tensor(True),
            known=torch.tensor(True),
            anchor=torch.zeros(3, dtype=torch.long),
            box=torch.zeros(2, 3),
            seed=torch.tensor(0),
        )


class Growing(nn.Module):
    """Answers with a cube whose side is the number of clicks it was shown."""

    logits_size = P

    def __init__(self) -> None:
        super().__init__()
        self.modes: list[bool] = []
        self.coords: list[Tensor] = []

    def encode(self, patch: Tensor) -> Tensor:
        self.modes.append(self.training)
        return patch

    def decode(self, embedding: Tensor, coords: Tensor, labels: Tensor, logits: Any) -> Tensor:
        self.coords.append(coords)
        answer = torch.full((len(coords), 1, P, P, P), -9.0)
        side = coords.shape[1]
        answer[..., :side, :side, :side] = 9.0
        return answer

    def upscale(self, low_res_logits: Tensor) -> Tensor:
        return low_res_logits


def dice_of(side: int, other: int) -> float:
    return 2 * min(side, other) ** 3 / (side**3 + other**3)


def validation(processes: Processes | None = None, **changes: Any) -> Validation:
    config = ValidationConfig(**{"samples": 4, "clicks": (1, 3), "batch_size": 3} | changes)
    return Validation(Cubes(), PRESETS["compact"], config, processes or Processes())


def test_mean_dice_after_each_number_of_clicks_and_their_mean_as_score():
    found = validation()(Growing(), 7)
    first = sum(dice_of(1, side) for side in (1, 2, 3, 4)) / 4
    third = sum(dice_of(3, side) for side in (1, 2, 3, 4)) / 4
    assert found == pytest.approx({"dice_1": first, "dice_3": third, "score": (first + third) / 2})


def test_later_clicks_go_to_the_deepest_error():
    network = Growing()
    validation(samples=4)(network, 0)
    # The last sample, a cube of 4 voxels a side, of which 1 is found: the deepest missed voxel is not at its border.
    assert network.coords[-2][0, 1].tolist() == pytest.approx([2, 2, 2], abs=1)


def test_the_network_is_evaluated_and_left_as_it_was():
    network = Growing()
    network.train()
    validation()(network, 0)
    assert network.modes == [False, False]
    assert network.training


def test_processes_share_the_samples():
    class Other(Processes):
        """One of two processes, whose companion found a Dice of 1 in as many samples."""

        def gather(self, value: Any) -> list[Any]:
            return [value, [[1.0, 1.0] for _ in value]]

    found = validation(Other(rank=1, world=2))(Growing(), 0)
    first = (dice_of(1, 2) + dice_of(1, 4) + 2) / 4  # this one looks at the second and the fourth
    assert found["dice_1"] == pytest.approx(first)


@pytest.mark.parametrize(
    "changes", [{"samples": 0}, {"batch_size": 0}, {"clicks": (3, 1)}, {"clicks": (0, 1)}, {"clicks": (1, 1)}]
)
def test_refuses_counts_that_are_none(changes):
    with pytest.raises(UsageError, match="expected counts of 1 or more, and clicks in rising order"):
        ValidationConfig(**changes)
