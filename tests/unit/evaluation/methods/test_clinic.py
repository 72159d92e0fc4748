"""The clinic's habits as methods."""

from __future__ import annotations

import numpy as np
import pytest

from seganypet.errors import MethodError
from seganypet.evaluation.methods.clinic import HABITS, ThresholdMethod
from seganypet.evaluation.methods.interface import Scan
from seganypet.prompts import Click
from seganypet.volume import Volume

SHAPE = (20, 20, 20)


def cube(low: int, high: int) -> np.ndarray:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[low:high, low:high, low:high] = True
    return mask


def scan(liver: bool = True) -> Scan:
    """A lesion of SUV 10 with a rim of 4.5 and a second one of 4.5; the rest is a liver of SUV 2."""
    suv = np.full(SHAPE, 2.0, dtype=np.float32)
    suv[cube(4, 11)] = 4.5
    suv[cube(5, 10)] = 10.0
    suv[cube(14, 17)] = 4.5
    return Scan(
        case="a",
        volume=Volume(suv, np.diag([4.0, 4, 4, 1])),
        liver_ijk=(2, 17, 17) if liver else None,
    )


@pytest.mark.parametrize(
    ("name", "voxels"),
    [
        ("threshold41", 7**3),  # 4.1
        ("threshold50", 5**3),  # 5.0
        ("suv2.5", 7**3),
        ("suv4.0", 7**3),
        ("percist", 7**3),  # 3.0: 1.5 times a liver of 2 without any spread
        ("region_growing", 5**3),  # 5.0
    ],
)
def test_each_has_its_threshold(name, voxels):
    method = ThresholdMethod(HABITS[name])
    method.start(scan())
    assert int(method.click(Click((7, 7, 7))).sum()) == voxels


def test_later_clicks_leave_the_mask_until_a_restart():
    method = ThresholdMethod(HABITS["suv4.0"])
    method.start(scan())
    first = method.click(Click((7, 7, 7)))
    assert method.click(Click((15, 15, 15))) is first
    assert not method.restart("lesion").any()
    assert np.array_equal(method.click(Click((15, 15, 15))), cube(14, 17))


def test_another_scan_forgets_the_mask():
    method = ThresholdMethod(HABITS["suv4.0"])
    method.start(scan())
    method.click(Click((7, 7, 7)))
    method.start(scan())
    assert np.array_equal(method.click(Click((15, 15, 15))), cube(14, 17))


def test_percist_needs_a_liver():
    method = ThresholdMethod(HABITS["percist"])
    method.start(scan(liver=False))
    with pytest.raises(
        MethodError, match="case 'a' has no liver to take the threshold from; leave percist out"
    ):
        method.click(Click((7, 7, 7)))
