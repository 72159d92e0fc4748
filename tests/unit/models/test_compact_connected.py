"""Maps of how voxels are connected to clicks: by hand on small scenes, and in the network."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from seganypet.models.compact import CompactConfig, CompactSegmenter
from seganypet.models.compact_connected import connected_maps

P = 16


def scene() -> Tensor:
    """Uptake 1 in two blocks on a floor of 0, joined by a bridge of 0.5; another block of 1 lies apart."""
    patch = torch.zeros(1, 1, P, P, P)
    patch[..., 0:4, 0:4, 0:4] = 1.0
    patch[..., 4:8, 0:2, 0:2] = 0.5
    patch[..., 8:12, 0:4, 0:4] = 1.0
    patch[..., 12:16, 12:16, 12:16] = 1.0
    return patch


def maps_of(coords: list[list[int]], labels: list[int], uptake: list[float]) -> Tensor:
    points = torch.tensor([coords], dtype=torch.float32)
    return connected_maps(scene(), torch.tensor([uptake]), points, torch.tensor([labels]))[0]


def test_likeness_is_that_of_the_least_like_voxel_on_the_best_path():
    positive, negative, _ = maps_of([[1, 1, 1]], [1], [1.0])
    assert positive[0, 0, 0] == positive[1, 1, 1] == 1
    across = math.exp(-4 * 0.5)
    for i, j, k in ((2, 0, 0), (3, 0, 0), (4, 0, 0), (5, 1, 1)):  # the bridge, and all behind it
        assert math.isclose(positive[i, j, k], across, rel_tol=1e-5)
    apart = math.exp(-4)
    assert math.isclose(positive[7, 7, 7], apart, rel_tol=1e-5)
    assert math.isclose(positive[0, 7, 0], apart, rel_tol=1e-5)
    assert not negative.any()


def test_hottest_path_falls_only_below_the_click():
    _, _, fall = maps_of([[5, 1, 1]], [1], [0.5])  # on the bridge: what is hotter behind it is no fall
    assert fall[0, 0, 0] == fall[5, 1, 1] == 0
    assert fall[7, 7, 7] == fall[0, 7, 0] == -0.5


def test_negative_clicks_have_a_map_of_their_own():
    positive, negative, _ = maps_of([[1, 1, 1], [13, 13, 13]], [1, 0], [1.0, 1.0])
    assert negative[6, 6, 6] == negative[7, 7, 7] == 1
    assert negative[0, 0, 0] < 0.1 < positive[0, 0, 0]


def test_without_clicks_nothing_is_connected():
    for label in (-1, 2):
        assert not maps_of([[1, 1, 1]], [label], [1.0]).any()


def test_a_network_draws_them_for_its_decoder():
    torch.manual_seed(0)
    sizes = {"patch_size": P, "channels": (8, 16, 24), "encoder_blocks": (1, 1, 1), "num_heads": 2}
    plain, wider = (CompactSegmenter(CompactConfig(**sizes, connected=c)) for c in (False, True))
    assert wider.mask_decoder.prompt_stem.in_channels == plain.mask_decoder.prompt_stem.in_channels + 3
    click, positive = torch.tensor([[[1.0, 1, 1]]]), torch.tensor([[1]])
    logits = wider.decode(wider.encode(scene()), click, positive)
    with torch.no_grad():
        wider.mask_decoder.prompt_stem.weight[:, -3:] = 0
    assert not torch.equal(logits, wider.decode(wider.encode(scene()), click, positive))
