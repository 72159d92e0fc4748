"""SAM and MedSAM slice by slice: bookkeeping with a network that can be foretold."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from seganypet.evaluation.methods.interface import Scan
from seganypet.evaluation.methods.sam import SliceMethod
from seganypet.evaluation.methods.sam_network import Embedding, Found
from seganypet.prompts import Click
from seganypet.volume import Volume


class BrightBlob:
    """Answers with the bright pixels that hang together with a positive point; counts what it is asked."""

    def __init__(self):
        self.encoded, self.asked = 0, []

    def encode(self, picture, pixel_mm):
        self.encoded += 1
        return Embedding(torch.from_numpy(picture.copy()), picture.shape, picture.shape)

    def decode(self, embedding, points, before):
        self.asked.append((list(points), before))
        blobs, _ = ndimage.label(embedding.features.numpy() > 128)
        at = [(round(row), round(column)) for row, column, positive in points if positive]
        mask = np.isin(blobs, [blobs[p] for p in at if blobs[p]])
        return Found(mask, torch.zeros(1))


def volume_of(array, affine) -> Volume:
    return Volume(np.ascontiguousarray(array), affine)


def two_blobs():
    """Two hot blobs in slices 3 to 5 of a RAS array."""
    suv = np.random.default_rng(0).uniform(0.1, 0.5, (12, 14, 9)).astype(np.float32)
    suv[2:5, 3:6, 3:6] = 9
    suv[8:11, 9:12, 3:6] = 9
    return suv


AFFINE = np.diag([3.0, 3.0, 4.0, 1.0])


class TestSlices:
    def method(self, kept=256):
        network = BrightBlob()
        method = SliceMethod(network, kept=kept)
        method.start(Scan(case="a", volume=volume_of(two_blobs(), AFFINE)))
        return method, network

    def test_a_click_changes_its_slice_alone(self):
        method, _ = self.method()
        mask = method.click(Click((3, 4, 4)))
        expected = np.zeros((12, 14, 9), bool)
        expected[2:5, 3:6, 4] = True
        np.testing.assert_array_equal(mask, expected)
        mask = method.click(Click((3, 4, 5)))
        expected[2:5, 3:6, 5] = True
        np.testing.assert_array_equal(mask, expected)

    def test_all_clicks_of_a_slice_prompt_it_with_its_last_answer(self):
        method, network = self.method()
        method.click(Click((3, 4, 4)))
        method.click(Click((3, 4, 5)))
        method.click(Click((9, 10, 4)))
        mask = method.click(Click((0, 0, 4), positive=False))
        points, before = network.asked[-1]
        # columns run from RAS i = 11 down, rows from j = 13 down
        assert points == [(9, 8, True), (3, 2, True), (13, 11, False)]
        assert before.mask.sum() == 18
        assert network.asked[0][1] is None
        assert mask[2:5, 3:6, 4].all()
        assert mask[8:11, 9:12, 4].all()
        assert not mask[8:11, 9:12, 5].any()

    def test_restart_forgets_clicks_and_keeps_embeddings(self):
        method, network = self.method()
        first = method.click(Click((3, 4, 4)))
        assert not method.restart("spleen").any()
        again = method.click(Click((3, 4, 4)))
        np.testing.assert_array_equal(first, again)
        assert network.encoded == 1
        assert network.asked[-1][1] is None

    def test_a_new_scan_is_encoded_anew(self):
        method, network = self.method()
        method.click(Click((3, 4, 4)))
        method.start(Scan(case="b", volume=volume_of(two_blobs(), AFFINE)))
        assert not method.restart("liver").any()
        method.click(Click((3, 4, 4)))
        assert network.encoded == 2

    def test_only_the_last_embeddings_are_kept(self):
        method, network = self.method(kept=2)
        for number in (3, 4, 3, 5, 3, 4):  # 4 was dropped for 5, as 3 had been used later
            method.click(Click((3, 4, number)))
        assert network.encoded == 4

    def test_masks_given_before_do_not_change(self):
        method, _ = self.method()
        empty = method.restart("liver")
        first = method.click(Click((3, 4, 4)))
        method.click(Click((3, 4, 5)))
        assert not empty.any()
        assert first.sum() == 9

    @pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
    @pytest.mark.parametrize("flip", [(1, 1, 1), (-1, 1, 1), (1, -1, -1)])
    def test_the_mask_lands_on_the_blob_whatever_the_orientation(self, order, flip):
        suv = two_blobs()
        array = suv.transpose(order)[tuple(slice(None, None, f) for f in flip)]
        turn = np.deg2rad(12)  # and oblique
        oblique = np.eye(4)
        oblique[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
        to_ras = np.zeros((4, 4))
        for new, (old, f) in enumerate(zip(order, flip, strict=True)):
            to_ras[old, new], to_ras[old, 3] = f, 0 if f > 0 else suv.shape[old] - 1
        to_ras[3, 3] = 1
        volume = volume_of(array, oblique @ AFFINE @ to_ras)
        method = SliceMethod(BrightBlob())
        method.start(Scan(case="a", volume=volume))
        for number in (3, 4, 5):
            ijk = np.linalg.inv(to_ras) @ [9, 10, number, 1]
            mask = method.click(Click(tuple(ijk[:3])))
        expected = np.zeros(suv.shape, bool)
        expected[8:11, 9:12, 3:6] = True
        turned = expected.transpose(order)[tuple(slice(None, None, f) for f in flip)]
        np.testing.assert_array_equal(mask, turned)
