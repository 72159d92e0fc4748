"""Prompt maps of the compact network against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from seganypet.errors import PromptError
from seganypet.models.compact import CompactEmbedding
from seganypet.models.compact_layers import depth_to_space
from seganypet.models.compact_prompts import CompactPromptEncoder

CHANNELS = (2, 3, 8)
P = 16


@pytest.fixture
def encoder() -> CompactPromptEncoder:
    torch.manual_seed(0)
    return CompactPromptEncoder(CHANNELS).requires_grad_(False)


def embedding(patch: Tensor) -> CompactEmbedding:
    generator = torch.Generator().manual_seed(1)
    levels = (
        torch.rand(len(patch), c, *(P // s,) * 3, generator=generator)
        for c, s in zip(CHANNELS, (2, 4, 8), strict=True)
    )
    return CompactEmbedding(patch, *levels)


def hot_voxel() -> Tensor:
    """27 at one voxel: the 3×3×3 mean, which stands for the click's uptake, is 1 there."""
    patch = torch.zeros(1, 1, P, P, P)
    patch[0, 0, 8, 8, 8] = 27.0
    return patch


def prompts(encoder, patch, clicks, labels, logits=None) -> tuple[Tensor, Tensor, Tensor]:
    """Return distance maps [4, P/2…], full-resolution maps [5, P…] and tokens [N, C]."""
    coords = torch.tensor([clicks], dtype=torch.float32).reshape(1, -1, 3)
    maps, tokens = encoder(embedding(patch), coords, torch.tensor([labels]).reshape(1, -1).long(), logits)
    assert maps.shape == (1, encoder.map_channels, P // 2, P // 2, P // 2)
    return maps[0, :4], depth_to_space(maps[:, 4:])[0], tokens[0]


def test_distance_maps_by_hand(encoder):
    # Half-resolution voxel n is centred at patch voxel 2n + 0.5.
    distance, _, _ = prompts(encoder, hot_voxel(), [(4.5, 6.5, 8.5)], [1])
    near, far, negative_near, negative_far = distance
    assert near[2, 3, 4] == 1.0
    assert far[2, 3, 4] == 1.0
    assert near[3, 3, 4] == pytest.approx(1 - 2 / 6)
    assert far[3, 3, 4] == pytest.approx(math.exp(-2 / 24))
    assert near[4, 4, 4] == pytest.approx(1 - math.sqrt(4**2 + 2**2) / 6)
    assert near[2, 3, 7] == 0.0  # 6 voxels away
    assert far[2, 3, 7] == pytest.approx(math.exp(-6 / 24))
    assert not negative_near.any()
    assert not negative_far.any()


def test_distance_from_an_integer_click_is_from_the_voxel_centre(encoder):
    distance, _, _ = prompts(encoder, hot_voxel(), [(4, 6, 8)], [1])
    assert distance[1, 2, 3, 4] == pytest.approx(math.exp(-math.sqrt(0.75) / 24))


def test_distance_is_to_the_nearest_click_of_its_kind(encoder):
    clicks = [(0.5, 0.5, 0.5), (12.5, 0.5, 0.5), (4.5, 0.5, 0.5)]
    distance, _, _ = prompts(encoder, hot_voxel(), clicks, [1, 1, 0])
    assert distance[1, :4, 0, 0].tolist() == pytest.approx([math.exp(-d / 24) for d in (0, 2, 4, 6)])
    assert distance[1, 4, 0, 0] == pytest.approx(math.exp(-4 / 24))  # nearer to the second click
    assert distance[3, :4, 0, 0].tolist() == pytest.approx([math.exp(-d / 24) for d in (4, 2, 0, 2)])


def test_uptake_maps_by_hand(encoder):
    patch = hot_voxel()
    _, full, _ = prompts(encoder, patch, [(8, 8, 8)], [1])
    signed, like_positive, like_negative = full[:3]
    assert signed[8, 8, 8] == 27 - 1
    assert signed[0, 0, 0] == 0 - 1
    assert like_positive[0, 0, 0] == pytest.approx(math.exp(-4 * 1))
    assert like_positive[8, 8, 8] == pytest.approx(0, abs=1e-6)
    assert not like_negative.any()


def test_uptake_of_two_clicks_is_averaged_and_of_each_the_likeness_counts(encoder):
    clicks = [(8, 8, 8), (2, 2, 2), (0, 0, 0)]  # uptake 1, 0 and, of the negative click, 0
    _, full, _ = prompts(encoder, hot_voxel(), clicks, [1, 1, 0])
    signed, like_positive, like_negative = full[:3]
    assert signed[0, 0, 0] == -0.5
    assert like_positive[0, 0, 0] == 1.0
    assert like_negative[0, 0, 0] == 1.0
    assert like_negative[8, 8, 8] == pytest.approx(0, abs=1e-6)


def test_uptake_at_a_corner_is_the_mean_of_the_voxels_there(encoder):
    patch = torch.zeros(1, 1, P, P, P)
    patch[0, 0, 0, 0, 0] = 8.0
    _, full, _ = prompts(encoder, patch, [(0, 0, 0)], [1])  # mean of 2×2×2 voxels: 1
    assert full[0, 5, 5, 5] == -1.0


def test_previous_logits_become_tanh_of_half_and_the_patch_is_kept(encoder):
    logits = torch.zeros(1, 1, P, P, P)
    logits[0, 0, 3, 4, 5] = 2.0
    patch = hot_voxel()
    _, full, _ = prompts(encoder, patch, [(8, 8, 8)], [1], logits)
    assert full[3, 3, 4, 5] == pytest.approx(math.tanh(1.0))
    assert full[3].count_nonzero() == 1
    assert torch.equal(full[4], patch[0, 0])


def test_without_clicks_all_click_maps_are_zero(encoder):
    distance, full, tokens = prompts(encoder, hot_voxel(), [], [])
    assert not distance.any()
    assert not full[:3].any()
    assert tokens.shape == (0, CHANNELS[2])


def test_padding_changes_no_map_and_no_other_token(encoder):
    patch = torch.rand(1, 1, P, P, P, generator=torch.Generator().manual_seed(2))
    few = prompts(encoder, patch, [(8, 8, 8), (3, 2, 1)], [1, 0])
    padded = prompts(encoder, patch, [(8, 8, 8), (0, 0, 0), (3, 2, 1), (15, 15, 15)], [1, -1, 0, -1])
    assert torch.equal(few[0], padded[0])
    assert torch.equal(few[1], padded[1])
    torch.testing.assert_close(few[2], padded[2][[0, 2]])
    torch.testing.assert_close(padded[2][[1, 3]], encoder.label.weight[[2, 2]])


def test_token_tells_kind_and_place_of_the_click(encoder):
    patch = torch.ones(1, 1, P, P, P)
    _, _, tokens = prompts(encoder, patch, [(4, 4, 4), (4, 4, 4), (12, 4, 4)], [1, 0, 1])
    torch.testing.assert_close(tokens[0] - tokens[1], encoder.label.weight[1] - encoder.label.weight[0])
    assert (tokens[0] - tokens[2]).abs().max() > 1e-3


def test_token_reads_the_features_of_the_voxel_it_lies_in(encoder):
    """Voxel 7 lies in voxel 3 at 1/2, 1 at 1/4 and 0 at 1/8; the position is taken away by its weight."""
    encoder.position.weight.zero_()
    encoder.position.bias.zero_()
    encoder.label.weight.zero_()
    patch = torch.ones(1, 1, P, P, P)
    levels = embedding(patch)
    _, _, tokens = prompts(encoder, patch, [(7, 7, 7)], [1])
    features = [
        torch.ones(1),
        levels.fine[0, :, 3, 3, 3],
        levels.mid[0, :, 1, 1, 1],
        levels.coarse[0, :, 0, 0, 0],
    ]
    torch.testing.assert_close(tokens[0], encoder.feature(torch.cat(features)))


def test_refuses_an_unknown_label(encoder):
    with pytest.raises(
        PromptError, match=r"point_labels holds 4; use 1 \(positive\), 0 .* or -1 \(padding\)$"
    ):
        prompts(encoder, hot_voxel(), [(8, 8, 8)], [4])


@pytest.mark.parametrize("label", [2, 3])
def test_refuses_the_corner_of_a_box_where_boxes_were_never_learned(encoder, label):
    with pytest.raises(
        PromptError, match=f"point_labels holds {label}, .*never learned boxes; click instead"
    ):
        prompts(encoder, hot_voxel(), [(8, 8, 8)], [label])
