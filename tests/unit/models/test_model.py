"""What `load_model` returns: sizes, and what each precision does to the network it takes over."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from seganypet.errors import GeometryError, ImageValueError, PromptError, UsageError
from seganypet.models.model import Precision, SegmentationModel
from seganypet.models.presets import PRESETS, build_network

CONFIGS = {
    "compact": {
        "patch_size": 16,
        "channels": (4, 8, 12),
        "encoder_blocks": (1, 1, 1),
        "transformer_blocks": 1,
        "decoder_blocks": 1,
        "num_heads": 2,
    },
    "papers": {
        "patch_size": 16,
        "token_size": 4,
        "embed_dim": 24,
        "num_heads": 2,
        "depth": 2,
        "window_size": 6,
        "global_blocks": (1,),
        "out_channels": 48,
        "decoder_mlp_dim": 16,
    },
}
CONFIGS["papers-corrected"] = {**CONFIGS["papers"], "corrected": True}
CLICKS = (torch.tensor([[[8.0, 8, 8], [1, 2, 3]]]), torch.tensor([[1, 0]]))


def model_of(preset: str, precision: Precision = "float32") -> SegmentationModel:
    torch.manual_seed(0)
    description = replace(PRESETS[preset], config=CONFIGS[preset])
    network = build_network(description.architecture, description.config)
    return SegmentationModel(network, description, device=torch.device("cpu"), precision=precision)


def patch_of(model: SegmentationModel) -> torch.Tensor:
    side = model.patch_size
    return torch.rand(1, 1, side, side, side, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_every_preset_encodes_once_and_decodes_click_by_click(preset, precision):
    model = model_of(preset, precision)
    patch, side = patch_of(model), model.logits_size
    embedding = model.encode(patch)
    first = model.decode(embedding, *CLICKS)
    second = model.decode(embedding, *CLICKS, first)
    for logits in (first, second):
        assert logits.shape == (1, 1, side, side, side)
        assert logits.dtype == torch.float32
    assert not torch.equal(first, second)
    assert model.upscale(second).shape == patch.shape
    assert model.to_low_res(model.upscale(second)).shape == second.shape


def dtypes(module: torch.nn.Module) -> set[torch.dtype]:
    return {p.dtype for p in module.parameters()}


@pytest.mark.parametrize("preset", PRESETS)
def test_float32_leaves_every_weight_as_it_is(preset):
    torch.manual_seed(0)
    before = build_network(PRESETS[preset].architecture, CONFIGS[preset]).state_dict()
    after = model_of(preset).network.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_bfloat16_rounds_the_papers_encoder_and_leaves_its_decoder():
    network = model_of("papers", "bfloat16").network
    assert network.image_encoder.blocks[0].attn.qkv.weight.dtype == torch.bfloat16
    assert network.image_encoder.blocks[0].attn.rel_pos_d.dtype == torch.float32
    assert network.image_encoder.pos_embed.dtype == torch.float32
    assert dtypes(network.prompt_encoder) == dtypes(network.mask_decoder) == {torch.float32}


def test_bfloat16_rounds_the_whole_compact_network_but_its_norms():
    network = model_of("compact", "bfloat16").network
    assert network.mask_decoder.head.weight.dtype == torch.bfloat16
    norms = [m for m in network.modules() if isinstance(m, torch.nn.LayerNorm)]
    assert all(dtypes(norm) == {torch.float32} for norm in norms)


@pytest.mark.parametrize("preset", PRESETS)
def test_weights_held_in_sixteen_bits_give_what_autocast_gives(preset):
    model, plain = model_of(preset, "bfloat16"), model_of(preset)
    patch = patch_of(model)
    here = model.decode(model.encode(patch), *CLICKS)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        there = plain.network.decode(plain.network.encode(patch), *CLICKS)
    torch.testing.assert_close(here, there.float(), rtol=0, atol=0.02 * float(there.abs().max()))


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_any_type_of_number_is_taken(preset, precision):
    model = model_of(preset, precision)
    patch = patch_of(model).round(decimals=1)
    embedding = model.encode(patch)
    torch.testing.assert_close(model.encode(patch.double())[0], embedding[0])
    coords, labels = CLICKS
    expected = model.decode(embedding, coords, labels, torch.ones(1, 1, *(model.logits_size,) * 3))
    previous = torch.ones(1, 1, *(model.logits_size,) * 3, dtype=torch.bool)
    assert torch.equal(model.decode(embedding, coords.int(), labels.float(), previous), expected)


@pytest.mark.parametrize("preset", PRESETS)
def test_one_embedding_serves_several_prompts(preset):
    model = model_of(preset)
    embedding = model.encode(patch_of(model))
    coords, labels = torch.tensor([[[8, 8, 8]], [[3, 4, 5]]]), torch.tensor([[1], [0]])
    both = model.decode(embedding, coords, labels)
    parts = [model.decode(embedding, coords[n : n + 1], labels[n : n + 1]) for n in range(2)]
    torch.testing.assert_close(both, torch.cat(parts))


@pytest.mark.parametrize("preset", PRESETS)
def test_a_mask_alone_is_a_prompt(preset):
    model = model_of(preset)
    embedding, side = model.encode(patch_of(model)), model.logits_size
    logits = model.decode(embedding, None, None, torch.ones(1, 1, side, side, side))
    assert logits.isfinite().all()


@pytest.mark.parametrize("preset", PRESETS)
def test_refuses_what_is_no_tensor(preset):
    model = model_of(preset)
    patch = patch_of(model)
    embedding = model.encode(patch)
    with pytest.raises(UsageError, match="patch is of type ndarray; give a torch tensor"):
        model.encode(patch.numpy())
    with pytest.raises(UsageError, match="point_coords is of type list"):
        model.decode(embedding, [[[8, 8, 8]]], torch.tensor([[1]]))
    with pytest.raises(UsageError, match="point_labels is of type ndarray"):
        model.decode(embedding, CLICKS[0], np.ones((1, 2)))
    with pytest.raises(UsageError, match="low_res_logits is of type ndarray"):
        model.upscale(np.zeros((1, 1, 16, 16, 16)))
    with pytest.raises(UsageError, match="image_embedding is of type"):
        model.decode("embedding", *CLICKS)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_refuses_numbers_that_are_not_finite(preset, value):
    model = model_of(preset)
    patch = patch_of(model)
    embedding = model.encode(patch)
    patch[0, 0, 1, 2, 3] = value
    with pytest.raises(ImageValueError, match="patch holds NaN or infinity"):
        model.encode(patch)
    coords = CLICKS[0].clone()
    coords[0, 1, 0] = value
    with pytest.raises(ImageValueError, match="point_coords holds NaN or infinity"):
        model.decode(embedding, coords, CLICKS[1])
    side = model.logits_size
    with pytest.raises(ImageValueError, match="low_res_logits holds NaN or infinity"):
        model.decode(embedding, *CLICKS, torch.full((1, 1, side, side, side), value))


@pytest.mark.parametrize("preset", PRESETS)
def test_refuses_shapes_that_do_not_fit(preset):
    model = model_of(preset)
    embedding, side = model.encode(patch_of(model)), model.logits_size
    with pytest.raises(GeometryError, match="patch has shape"):
        model.encode(torch.zeros(16, 16, 16))
    with pytest.raises(GeometryError, match="low_res_logits has shape"):
        model.upscale(torch.zeros(1, 1, side, side, side + 1))
    with pytest.raises(GeometryError, match="batches differ"):
        model.decode(embedding, *CLICKS, torch.zeros(2, 1, side, side, side))
    with pytest.raises(PromptError, match="point_labels is None; give coordinates and labels, or neither"):
        model.decode(embedding, CLICKS[0], None)


def test_refuses_the_embedding_of_another_network():
    compact, papers = model_of("compact"), model_of("papers")
    with pytest.raises(UsageError, match="image_embedding is of type Tensor; give what this model's encode"):
        compact.decode(papers.encode(patch_of(papers)), *CLICKS)
    with pytest.raises(UsageError, match="image_embedding is of type CompactEmbedding"):
        papers.decode(compact.encode(patch_of(compact)), *CLICKS)
