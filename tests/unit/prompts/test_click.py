"""A click is three finite numbers and a sign."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from seganypet.errors import PromptError
from seganypet.prompts import Click


def test_coordinates_become_plain_floats():
    click = Click((np.int16(1), 2, np.float32(2.5)))
    assert click.ijk == (1.0, 2.0, 2.5)
    assert {type(c) for c in click.ijk} == {float}
    assert click.positive


def test_is_a_value():
    assert Click((1, 2, 3), positive=False) == Click((1.0, 2.0, 3.0), positive=False)
    assert Click((1, 2, 3)) != Click((1, 2, 3), positive=False)
    with pytest.raises(FrozenInstanceError):
        Click((1, 2, 3)).positive = False


@pytest.mark.parametrize("ijk", [(1, 2), (1, 2, 3, 4), (), (1, 2, float("nan")), (float("inf"), 0, 0)])
def test_refuses_other_than_three_finite_numbers(ijk):
    with pytest.raises(PromptError, match="expected three finite voxel coordinates i, j, k"):
        Click(ijk)
