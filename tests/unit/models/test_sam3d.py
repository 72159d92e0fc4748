"""The assembled network on a small configuration."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from seganypet.errors import GeometryError, PromptError, UsageError
from seganypet.models.sam3d import SAM3DConfig, SegAny3D

SMALL = SAM3DConfig(
    patch_size=32,
    token_size=8,
    embed_dim=24,
    depth=2,
    num_heads=2,
    window_size=6,
    global_blocks=(1,),
    out_channels=48,
    decoder_heads=2,  # wide heads, so that clicks are few beside them
    decoder_mlp_dim=32,
    iou_head_dim=16,
)
UNREACHED = (
    "prompt_encoder.no_mask_embed",
    "mask_decoder.iou_prediction_head",
    *(f"mask_decoder.output_hypernetworks_mlps.{n}" for n in (1, 2, 3)),
)


@pytest.fixture
def model() -> SegAny3D:
    torch.manual_seed(0)
    return SegAny3D(SMALL)


@pytest.fixture
def patch() -> torch.Tensor:
    return torch.randn(1, 1, 32, 32, 32, generator=torch.Generator().manual_seed(1))


def _clicks(*points: tuple[int, int, int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Coordinates [1, N, 3] and labels [1, N] of points (i, j, k, label)."""
    rows = torch.tensor(points)
    return rows[None, :, :3], rows[None, :, 3]


ONE = _clicks((3, 10, 30, 1))


def test_shapes_of_each_stage(model, patch):
    embedding = model.encode(patch)
    logits = model.decode(embedding, *ONE)
    assert embedding.shape == (1, 48, 4, 4, 4)
    assert logits.shape == (1, 1, 16, 16, 16)
    assert model.decode(embedding, *ONE, logits).shape == logits.shape
    assert model.upscale(logits).shape == (1, 1, 32, 32, 32)


def test_upscale_is_trilinear_between_voxel_centres(model):
    ramp = torch.arange(16.0).view(1, 1, 16, 1, 1).expand(1, 1, 16, 16, 16)
    line = model.upscale(ramp)[0, 0, :, 5, 7]
    # Voxel n of 32 lies at n / 2 - 0.25 of 16, held at the border.
    expected = (torch.arange(32.0) / 2 - 0.25).clamp(0, 15)
    torch.testing.assert_close(line, expected)


def test_same_input_gives_the_same_bits(model, patch):
    first = model(patch, *ONE)
    assert torch.equal(model(patch, *ONE), first)
    torch.manual_seed(0)
    assert torch.equal(SegAny3D(SMALL)(patch, *ONE), first)


def test_forward_is_encode_then_decode(model, patch):
    assert torch.equal(model(patch, *ONE), model.decode(model.encode(patch), *ONE))


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(_clicks((3, 10, 30, 0)), id="label"),
        pytest.param(_clicks((10, 3, 30, 1)), id="place"),
        pytest.param(_clicks((3, 10, 30, 1), (20, 20, 20, 0)), id="second-click"),
    ],
)
def test_a_click_changes_the_mask(model, patch, other):
    embedding = model.encode(patch)
    change = (model.decode(embedding, *other) - model.decode(embedding, *ONE)).abs().max()
    assert change > 1e-4


def test_clicks_in_another_order_give_the_same_mask(model, patch):
    embedding = model.encode(patch)
    coords, labels = _clicks((3, 10, 30, 1), (20, 20, 20, 0))
    forth = model.decode(embedding, coords, labels)
    torch.testing.assert_close(model.decode(embedding, coords.flip(1), labels.flip(1)), forth)


def test_place_of_a_padding_label_does_not_matter(model, patch):
    embedding = model.encode(patch)
    here = model.decode(embedding, *_clicks((3, 10, 30, 1), (1, 1, 1, -1)))
    there = model.decode(embedding, *_clicks((3, 10, 30, 1), (9, 9, 9, -1)))
    assert torch.equal(here, there)


def test_previous_mask_changes_the_mask_and_none_is_zero(model, patch):
    embedding = model.encode(patch)
    none = model.decode(embedding, *ONE)
    assert torch.equal(model.decode(embedding, *ONE, torch.zeros(1, 1, 16, 16, 16)), none)
    assert (model.decode(embedding, *ONE, torch.full((1, 1, 16, 16, 16), 3.0)) - none).abs().max() > 1e-4


def test_mask_alone_has_no_padding_token(model, patch):
    embedding = model.encode(patch)
    alone = model.decode(embedding, None, None)
    padding = model.decode(embedding, torch.zeros(1, 0, 3), torch.zeros(1, 0, dtype=torch.long))
    assert alone.shape == (1, 1, 16, 16, 16)
    assert (alone - padding).abs().max() > 1e-6


def test_a_batch_equals_its_parts(model, patch):
    patches = torch.cat([patch, patch.flip(2)])
    coords, labels = torch.tensor([[[3, 10, 30]], [[5, 6, 7]]]), torch.tensor([[1], [0]])
    together = model(patches, coords, labels)
    parts = [model(patches[n : n + 1], coords[n : n + 1], labels[n : n + 1]) for n in range(2)]
    torch.testing.assert_close(together, torch.cat(parts))


def test_one_embedding_serves_several_prompts(model, patch):
    embedding = model.encode(patch)
    coords, labels = torch.tensor([[[3, 10, 30]], [[5, 6, 7]]]), torch.tensor([[1], [0]])
    shared = model.decode(embedding, coords, labels)
    torch.testing.assert_close(shared, model.decode(embedding.expand(2, -1, -1, -1, -1), coords, labels))


def test_gradient_reaches_every_parameter_that_decides_the_mask(model, patch):
    coords, labels = _clicks((3, 10, 30, 1), (20, 20, 20, 0))
    embedding = model.encode(patch)
    logits = model.decode(embedding, coords, labels)
    model.decode(embedding, coords, labels, logits).square().mean().backward()
    without = {name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()}
    assert {name for name in without if not name.startswith(UNREACHED)} == set()
    assert {name for name, _ in model.named_parameters() if name.startswith(UNREACHED)} == without
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize("corrected", [False, True])
def test_the_configuration_corrects_all_quirks_or_none(corrected):
    with torch.device("meta"):
        model = SegAny3D(replace(SMALL, corrected=corrected))
    places = [*(block.attn for block in model.image_encoder.blocks), model.prompt_encoder]
    assert [place.corrected for place in places] == [corrected] * 3


def test_corrected_network_learns_what_stands_for_a_missing_mask(patch):
    torch.manual_seed(0)
    model = SegAny3D(replace(SMALL, corrected=True))
    model(patch, *ONE).square().mean().backward()
    assert model.prompt_encoder.no_mask_embed.weight.grad.any()


def test_runs_in_double_precision(model, patch):
    exact = model.double()(patch.double(), *ONE)
    assert exact.dtype == torch.float64


def test_mixed_precision_stays_near_full_precision(model, patch):
    full = model(patch, *ONE)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = model(patch, *ONE)
    mixed.float().square().mean().backward()
    assert (mixed - full).abs().max() < 0.05 * full.abs().max()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def test_patch_of_another_shape_is_refused(model):
    with pytest.raises(GeometryError, match=r"patch has shape \(1, 1, 32, 32, 30\).*\('B', 1, 32, 32, 32\)"):
        model.encode(torch.zeros(1, 1, 32, 32, 30))


def test_embedding_and_logits_of_another_shape_are_refused(model):
    with pytest.raises(GeometryError, match="image_embedding has shape"):
        model.decode(torch.zeros(1, 48, 8, 8, 8), *ONE)
    with pytest.raises(GeometryError, match="low_res_logits has shape"):
        model.decode(torch.zeros(1, 48, 4, 4, 4), *ONE, torch.zeros(1, 1, 32, 32, 32))
    with pytest.raises(GeometryError, match="low_res_logits has shape"):
        model.upscale(torch.zeros(1, 2, 16, 16, 16))


def test_batches_that_differ_are_refused(model):
    with pytest.raises(GeometryError, match="batches differ: 2 embeddings"):
        model.decode(torch.zeros(2, 48, 4, 4, 4), *ONE)
    with pytest.raises(GeometryError, match="batches differ"):
        model.decode(torch.zeros(1, 48, 4, 4, 4), *ONE, torch.zeros(2, 1, 16, 16, 16))


def test_coordinates_and_labels_that_do_not_match_are_refused(model):
    embedding = torch.zeros(1, 48, 4, 4, 4)
    with pytest.raises(PromptError, match=r"shapes \(1, 1, 3\) and \(1, 2\)"):
        model.decode(embedding, ONE[0], torch.tensor([[1, 1]]))
    with pytest.raises(PromptError, match="point_labels is None"):
        model.decode(embedding, ONE[0], None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patch_size": 30}, "patch_size=30; use a multiple of 8"),
        ({"embed_dim": 25}, "embed_dim=25; use a multiple of 2"),
        ({"out_channels": 40}, "out_channels=40; use a multiple of 24"),
        ({"decoder_heads": 10}, "out_channels=48; use a multiple of 20"),
        ({"mask_channels": 10}, "mask_channels=10; use a multiple of 4"),
        ({"mask_channels": 4}, "mask_channels=4; use 8 or more"),
        ({"point_embeddings": 3}, "point_embeddings=3; use 2, or 4"),
        ({"global_blocks": (2,)}, "global_blocks names block 2; depth=2"),
        ({"window_size": 0}, "window_size=0; use a whole number, 1 or more"),
        ({"decoder_heads": 2.0}, "decoder_heads=2.0; use a whole number"),
        ({"corrected": "no"}, "corrected='no'; use True or False"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(change, message):
    with pytest.raises(UsageError, match=message):
        SAM3DConfig(**{**SMALL.__dict__, **change})


def test_configuration_read_back_as_a_list_is_equal():
    assert SAM3DConfig(**{**SMALL.__dict__, "global_blocks": [1]}) == SMALL
