"""The network sees the body in the order that its description names, and the mask lies where the image does."""

from __future__ import annotations

import itertools

import nibabel as nib
import numpy as np
import pytest

from seganypet.inference import Session
from seganypet.preprocessing import crop_or_pad
from seganypet.preprocessing.intensity import normalise
from seganypet.volume import Volume
from synthetic_model import half_of_click

CODES = [
    "".join(ends) for axes in itertools.permutations(("RL", "AP", "SI")) for ends in itertools.product(*axes)
]
# Columns run to the left, rows upwards, slices to the back.
AFFINE = np.array([[-4.0, 0, 0, 30], [0, 0, -4, 20], [0, 4, 0, -50], [0, 0, 0, 1]])
SHAPE, PATCH = (12, 18, 14), 16
CLICK = (7, 10, 5)


def scan() -> np.ndarray:
    """Noise, so that no two orders look alike, with a hot block at the click."""
    suv = np.random.default_rng(0).random(SHAPE).astype(np.float32)
    suv[6:9, 8:12, 4:8] = 9
    return suv


def reoriented(array: np.ndarray, code: str) -> nib.Nifti1Image:
    """Return the array as nibabel brings it into an order."""
    change = nib.orientations.ornt_transform(nib.io_orientation(AFFINE), nib.orientations.axcodes2ornt(code))
    return nib.Nifti1Image(array, AFFINE).as_reoriented(change)


@pytest.mark.parametrize("code", CODES)
def test_network_sees_the_order_of_its_description(code, monkeypatch):
    session = Session(half_of_click(patch_size=PATCH, orientation=code))
    patches = []
    monkeypatch.setattr(session.model.network, "encode", lambda patch: patches.append(patch) or patch)
    session.set_volume(Volume(scan(), AFFINE))
    session.add_click(CLICK)
    image = reoriented(scan(), code)
    clicked = np.linalg.inv(image.affine) @ AFFINE @ [*CLICK, 1]
    start = [round(c) - PATCH // 2 for c in clicked[:3]]
    expected = normalise(crop_or_pad(np.asarray(image.dataobj), start, (PATCH,) * 3), "log1p")
    np.testing.assert_array_equal(patches[0][0, 0], expected)
    coords, _, _ = session.model.network.seen[0]
    np.testing.assert_allclose(coords[0, 0], [PATCH // 2] * 3, atol=1e-5)


@pytest.mark.parametrize("code", CODES)
def test_mask_lies_where_the_image_does(code):
    suv = scan()
    session = Session(half_of_click(patch_size=PATCH, orientation=code))
    session.set_volume(Volume(suv, AFFINE))
    np.testing.assert_array_equal(session.add_click(CLICK).array, suv == 9)
    given = session.mask
    session.reset()
    np.testing.assert_array_equal(session.add_mask(given).array, suv == 9)
    mask = session.add_click((1, 2, 3), positive=False)
    np.testing.assert_array_equal(mask.array, suv == 9)
