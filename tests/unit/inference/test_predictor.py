"""One patch at a time."""

from __future__ import annotations

import gc
import pickle
import weakref

import numpy as np
import pytest
import torch

from seganypet.inference.predictor import Predictor
from seganypet.preprocessing import ModelGrid, WorkingImage
from seganypet.preprocessing.intensity import normalise
from seganypet.prompts import Click
from synthetic_model import half_of_click

SHAPE = (20, 18, 16)
SUV = np.random.default_rng(0).gamma(2.0, 1.0, SHAPE).astype(np.float32)
CLICK = [Click((4.0, 4.0, 4.0))]


EMBEDDING_BYTES = 4 * 8**3


def predictor(*, shrink: int = 1, embedded_bytes: int = 16 * EMBEDDING_BYTES, **described) -> Predictor:
    model = half_of_click(patch_size=8, shrink=shrink, **described)
    grid = ModelGrid.of(np.diag([4.0, 4, 4, 1]), SHAPE, model.description.spacing_mm)
    return Predictor(model, WorkingImage(SUV, grid), embedded_bytes=embedded_bytes)


@pytest.mark.parametrize("normalisation", ["log1p", "zscore_positive"])
def test_the_network_gets_the_normalised_patch_with_air_beyond_the_image(normalisation, monkeypatch):
    patches = []
    one = predictor(normalisation=normalisation)
    monkeypatch.setattr(one.model.network, "encode", lambda patch: patches.append(patch) or patch)
    one.decode((-2, 3, 10), CLICK, None)
    patch = np.zeros((8, 8, 8), np.float32)
    patch[2:, :, :6] = SUV[:6, 3:11, 10:]
    np.testing.assert_array_equal(patches[0][0, 0], normalise(patch, normalisation))


def test_the_network_gets_what_lies_around_a_patch_if_it_sees_that(monkeypatch):
    patches = []
    one = predictor(normalisation="log1p")
    one.model.network.field_size = 14
    monkeypatch.setattr(
        one.model.network, "encode", lambda patch: patches.append(patch) or patch[..., 3:-3, 3:-3, 3:-3]
    )
    one.decode((1, 3, 5), CLICK, None)
    seen = np.zeros((14, 14, 14), np.float32)
    seen[2:] = SUV[:12, :14, 2:16]
    np.testing.assert_array_equal(patches[0][0, 0], normalise(seen, "log1p"))


def test_an_embedding_is_computed_once_while_it_is_kept():
    one = predictor(embedded_bytes=3 * EMBEDDING_BYTES - 1)
    for window in [(0, 0, 0), (0, 0, 0), (1, 0, 0), (0, 0, 0), (2, 0, 0), (0, 0, 0)]:
        one.decode(window, CLICK, None)
    assert one.model.network.encoded == 3
    one.decode((1, 0, 0), CLICK, None)  # the least recently used has gone
    assert one.model.network.encoded == 4


def test_the_newest_embedding_is_kept_however_large():
    one = predictor(embedded_bytes=0)
    for window in [(0, 0, 0), (0, 0, 0), (1, 0, 0), (1, 0, 0), (0, 0, 0)]:
        one.decode(window, CLICK, None)
    assert one.model.network.encoded == 3


def test_embeddings_of_several_parts_count_with_all_of_them(monkeypatch):
    one = predictor(embedded_bytes=3 * EMBEDDING_BYTES)
    monkeypatch.setattr(one.model, "encode", lambda patch: (patch, patch.clone()))
    monkeypatch.setattr(one.model, "decode", lambda *_: None)
    for window in [(0, 0, 0), (1, 0, 0)]:
        one.decode(window, CLICK, None)
    assert list(one._embeddings) == [(1, 0, 0)]


def test_what_is_cached_goes_with_the_predictor():
    one = predictor()
    one.logits(one.decode((0, 0, 0), CLICK, None))
    gone = weakref.ref(one)
    gc.disable()
    try:
        del one
        assert gone() is None
    finally:
        gc.enable()


def test_a_predictor_can_be_pickled():
    one = predictor()
    low_res = one.decode((0, 0, 0), CLICK, None)
    expected = one.logits(low_res)
    again = pickle.loads(pickle.dumps(one))
    np.testing.assert_array_equal(again.logits(again.decode((0, 0, 0), CLICK, None)), expected)


def test_logits_are_the_decoders_at_the_patchs_resolution():
    one = predictor(shrink=4)
    low_res = torch.arange(8.0).reshape(1, 1, 2, 2, 2)
    expected = one.model.upscale(low_res)[0, 0].numpy()
    np.testing.assert_array_equal(one.logits(low_res), expected)
    assert one.logits(low_res).shape == (8, 8, 8)
    assert not one.logits(low_res).flags.writeable


def test_no_more_than_a_few_windows_are_kept_at_the_patchs_resolution(monkeypatch):
    upscaled = []
    one = predictor(shrink=4)
    upscale = one.model.upscale
    monkeypatch.setattr(one.model, "upscale", lambda low_res: upscaled.append(low_res) or upscale(low_res))
    windows = [torch.full((1, 1, 2, 2, 2), float(n)) for n in range(20)]
    for _ in range(2):
        for low_res in windows[:4]:
            assert one.logits(low_res)[0, 0, 0] == low_res[0, 0, 0, 0, 0]
    assert len(upscaled) == 4
    for low_res in windows:
        one.logits(low_res)
    assert len(one._upscaled) == 8


class TestPrevious:
    def test_of_a_new_window_it_is_the_average_of_what_is_known(self):
        known = np.zeros((8, 8, 8), np.float32)
        known[:4] = 3
        known[0, 0, 0] += 64
        previous = predictor(shrink=4).previous((0, 0, 0), known, None)
        assert previous.shape == (1, 1, 2, 2, 2)
        np.testing.assert_allclose(previous[0, 0, 0], [[4, 3], [3, 3]])
        assert not previous[0, 0, 1].any()

    def test_of_a_window_that_its_neighbours_agree_with_it_is_its_own(self):
        one = predictor(shrink=2)
        own = torch.randn(1, 1, 4, 4, 4, generator=torch.Generator().manual_seed(0))
        assert torch.equal(one.previous((0, 0, 0), one.logits(own), own), own)
        blurred = one.previous((0, 0, 0), one.logits(own).copy(), None)
        assert (blurred - own).abs().max() > 0.1  # what is prevented

    def test_of_a_window_that_its_neighbours_correct_it_is_its_own_corrected(self):
        one = predictor(shrink=2)
        own = torch.randn(1, 1, 4, 4, 4, generator=torch.Generator().manual_seed(0))
        known = one.logits(own).copy()
        known[:4] += 2
        expected = own.clone()
        expected[:, :, :2] += 2
        torch.testing.assert_close(one.previous((0, 0, 0), known, own), expected)

    def test_of_a_window_that_reaches_beyond_the_image_it_is_its_own_out_there(self):
        one = predictor(shrink=2)
        own = torch.randn(1, 1, 4, 4, 4, generator=torch.Generator().manual_seed(0))
        known = one.logits(own).copy()
        known[:4] = known[:, :, 5:] = 0  # as merged: cut to the image
        torch.testing.assert_close(one.previous((-4, 3, 11), known, own), own)

    def test_without_averaging_it_is_what_is_known(self):
        one = predictor(shrink=1)
        own = torch.randn(1, 1, 8, 8, 8, generator=torch.Generator().manual_seed(0))
        known = np.random.default_rng(0).normal(size=(8, 8, 8)).astype(np.float32)
        np.testing.assert_array_equal(one.previous((-4, 0, 0), known, own)[0, 0], known)
