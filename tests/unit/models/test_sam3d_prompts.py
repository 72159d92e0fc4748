"""Clicks and masks as embeddings, against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from seganypet.errors import PromptError
from seganypet.models.prompt_encoder import PositionEncoding, PromptEncoder

DIM = 6


def build(*, corrected: bool) -> PromptEncoder:
    torch.manual_seed(0)
    built = PromptEncoder(
        dim=DIM, patch_size=128, grid_size=4, mask_channels=8, point_embeddings=2, corrected=corrected
    )
    return built.double()


@pytest.fixture
def encoder() -> PromptEncoder:
    return build(corrected=False)


def _set_frequencies(encoding: PositionEncoding, rows: list[list[float]]) -> None:
    encoding.positional_encoding_gaussian_matrix.copy_(torch.tensor(rows))


def test_position_encoding_of_one_point(encoder):
    # Voxel 95.5 of 128 is the position (95.5 + 0.5) / 128 = 0.75, that is 2 · 0.75 - 1 = 0.5 of -1..1;
    # voxels 63.5 and 79.5 are 0 and 0.25. Frequency 0 sees axis i alone: phase 2π · 0.5 · 0.5 = π / 2;
    # frequency 1 sees axis k alone: phase 2π · 0.25 · (1 / 3) = π / 6.
    _set_frequencies(encoder.pe_layer, [[0.5, 0.0], [7.0, 9.0], [0.0, 1 / 3]])
    with torch.no_grad():
        encoder.point_embeddings[1].weight.copy_(torch.arange(DIM)[None])
    coords = torch.tensor([[[95.5, 63.5, 79.5]]])
    point = encoder.embed_points(coords, torch.tensor([[1]]))[0, 0]
    sine, cosine = [1.0, 0.5], [0.0, math.cos(math.pi / 6)]
    expected = torch.tensor(sine + cosine + sine, dtype=torch.float64) + torch.arange(DIM)
    torch.testing.assert_close(point, expected, rtol=0, atol=1e-6)


def test_integer_coordinate_is_the_voxel_centre(encoder):
    # Voxel 31 of 128: (31 + 0.5) / 128 · 2 - 1 = -65 / 128.
    _set_frequencies(encoder.pe_layer, [[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    point = encoder.embed_points(torch.tensor([[[31, 0, 0]]]), torch.tensor([[0]]))[0, 0]
    position = (point - encoder.point_embeddings[0].weight[0]).tolist()
    assert position[0] == pytest.approx(math.sin(-2 * math.pi * 65 / 128), abs=1e-6)
    assert position[2] == pytest.approx(math.cos(-2 * math.pi * 65 / 128), abs=1e-6)


def test_labels_choose_the_embedding(encoder):
    coords = torch.full((1, 3, 3), 17.0)
    negative, positive, padding, appended = encoder.embed_points(coords, torch.tensor([[0, 1, -1]]))[0]
    weights = [embedding.weight[0] for embedding in encoder.point_embeddings]
    torch.testing.assert_close(positive - negative, weights[1] - weights[0])
    torch.testing.assert_close(padding, encoder.not_a_point_embed.weight[0])
    torch.testing.assert_close(appended, padding)


def test_padding_token_is_appended_to_no_clicks_at_all(encoder):
    sparse = encoder.embed_points(torch.zeros(2, 0, 3), torch.zeros(2, 0, dtype=torch.long))
    torch.testing.assert_close(sparse, encoder.not_a_point_embed.weight.expand(2, 1, DIM))


def test_unknown_label_is_refused(encoder):
    with pytest.raises(PromptError, match=r"point_labels holds 4; use 1 \(positive\), 0"):
        encoder.embed_points(torch.zeros(1, 2, 3), torch.tensor([[1, 4]]))


@pytest.mark.parametrize("label", [2, 3])
def test_corner_of_a_box_is_refused_as_it_was_never_learned(encoder, label):
    with pytest.raises(
        PromptError, match=f"point_labels holds {label}, .*never learned boxes; click instead"
    ):
        encoder.embed_points(torch.zeros(1, 2, 3), torch.tensor([[1, label]]))


def test_dense_encoding_is_that_of_points_with_the_first_two_axes_swapped(encoder):
    dense = encoder.dense_position_encoding()
    assert dense.shape == (1, DIM, 4, 4, 4)
    # Token (1, 2, 3) of a grid of 4 is centred at voxel (i + 0.5) · 32 - 0.5 along each axis.
    i, j, k = (32 * (token + 0.5) - 0.5 for token in (1, 2, 3))
    swapped = encoder.embed_points(torch.tensor([[[j, i, k]]]), torch.tensor([[1]]))[0, 0]
    positive = encoder.point_embeddings[1].weight[0]
    torch.testing.assert_close(dense[0, :, 1, 2, 3], swapped - positive)
    assert (dense[0, :, 2, 1, 3] - (swapped - positive)).abs().max() > 1e-3


def test_corrected_dense_encoding_is_that_of_points():
    encoder = build(corrected=True)
    coords = torch.tensor([[[32 * (token + 0.5) - 0.5 for token in (1, 2, 3)]]])
    point = encoder.embed_points(coords, torch.tensor([[1]]))[0, 0] - encoder.point_embeddings[1].weight[0]
    torch.testing.assert_close(encoder.dense_position_encoding()[0, :, 1, 2, 3], point)


def test_mask_embedding_has_one_vector_per_token(encoder):
    zero = torch.zeros(2, 1, 16, 16, 16, dtype=torch.float64)
    mask = zero.clone()
    mask[0, 0, 4:8, 0:4, 12:16] = 5.0
    changed = (encoder.embed_mask(mask) - encoder.embed_mask(zero)).abs().amax(1) > 0
    assert changed.nonzero().tolist() == [[0, 1, 0, 3]]


def test_missing_mask_is_a_zero_mask_as_released(encoder):
    zero = torch.zeros(2, 1, 16, 16, 16, dtype=torch.float64)
    assert torch.equal(encoder.embed_missing_mask(2), encoder.embed_mask(zero))


def test_corrected_missing_mask_has_an_embedding_of_its_own():
    encoder = build(corrected=True)
    missing = encoder.embed_missing_mask(2)
    assert missing.shape == (2, DIM, 4, 4, 4)
    assert torch.equal(missing[1, :, 3, 0, 2], encoder.no_mask_embed.weight[0])
