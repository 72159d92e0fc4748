"""The fast network against the literal transcription in float64, on random checkpoints with non-zero tables."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from literal_network import LiteralNetwork, random_tensors
from seganypet.models.model import SegmentationModel
from seganypet.models.presets import PRESETS
from seganypet.models.sam3d import SAM3DConfig, SegAny3D

# The papers' grid and windows, with fewer channels; decoder heads wide enough for its fast paths.
SMALL = SAM3DConfig(
    patch_size=32,
    token_size=4,
    embed_dim=48,
    depth=3,
    num_heads=2,
    global_blocks=(2,),
    out_channels=192,
    decoder_mlp_dim=64,
)
CONFIGS = {
    "papers-grid": SMALL,
    "corrected": replace(SMALL, corrected=True),
    "corrected-several-windows": replace(SMALL, corrected=True, window_size=3, depth=2, global_blocks=(1,)),
    "several-windows-partly-padded": replace(SMALL, window_size=3, depth=2, global_blocks=(1,)),
    "all-global": replace(SMALL, depth=2, global_blocks=(0, 1)),
    "narrow-decoder-heads": replace(SMALL, depth=1, global_blocks=(), window_size=5, out_channels=48),
    "four-point-embeddings": replace(SMALL, depth=1, global_blocks=(0,), point_embeddings=4),
}
CLICKS = [((3, 20, 30), 1), ((25, 4, 9), 0), ((16, 16, 16), 1)]


def _relative_error(found: Tensor, expected: Tensor) -> float:
    return float((found.double() - expected).abs().max() / expected.abs().max())


def _agreement(found: Tensor, expected: Tensor) -> float:
    return float(((found > 0) == (expected > 0)).double().mean())


def _network(config: SAM3DConfig, seed: int = 0) -> tuple[SegAny3D, LiteralNetwork]:
    torch.manual_seed(seed)
    network = SegAny3D(config)
    tensors = random_tensors(network, seed)
    network.load_state_dict(tensors)
    exact = {name: tensor.double() for name, tensor in tensors.items()}
    literal = LiteralNetwork(exact, num_heads=config.num_heads, corrected=config.corrected)
    return network.requires_grad_(False), literal


def _patch(side: int, seed: int = 1) -> Tensor:
    return torch.randn(1, 1, side, side, side, generator=torch.Generator().manual_seed(seed))


# In float64 nothing but the order of sums differs; float32 errs by its rounding.
ERRORS = {torch.float64: 1e-12, torch.float32: 3e-6}


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("dtype", ERRORS)
def test_embedding_equals_the_literal_one(name, dtype):
    network, literal = _network(CONFIGS[name])
    patch = _patch(32)
    found = network.to(dtype).encode(patch.to(dtype))
    assert _relative_error(found, literal.encode(patch.double())) < ERRORS[dtype]


def test_tables_matter_to_the_comparison():
    network, literal = _network(SMALL)
    patch = _patch(32)
    for block in network.image_encoder.blocks:
        block.attn.rel_pos_w.zero_()
    assert _relative_error(network.encode(patch), literal.encode(patch.double())) > 1e-2


@pytest.mark.parametrize(
    "name", ["papers-grid", "corrected", "narrow-decoder-heads", "four-point-embeddings"]
)
@pytest.mark.parametrize("dtype", ERRORS)
def test_session_of_clicks_equals_the_literal_one(name, dtype):
    """Newest click and previous logits, from no mask at all; then all clicks at once."""
    network, literal = _network(CONFIGS[name])
    network = network.to(dtype)
    embedding = torch.randn(
        1, CONFIGS[name].out_channels, 8, 8, 8, generator=torch.Generator().manual_seed(2)
    )
    embedding = embedding.to(dtype)
    previous, expected = None, None
    for place, label in CLICKS:
        coords, labels = torch.tensor([[place]]), torch.tensor([[label]])
        previous = network.decode(embedding, coords, labels, previous)
        expected = literal.decode(embedding.double(), coords, labels, expected)
        assert _relative_error(previous, expected) < ERRORS[dtype]
        assert _agreement(network.upscale(previous), network.upscale(expected)) > 0.9999
    coords, labels = torch.tensor([[place for place, _ in CLICKS]]), torch.tensor([[n for _, n in CLICKS]])
    together = network.decode(embedding, coords, labels, previous)
    apart = literal.decode(embedding.double(), coords, labels, previous.double())
    assert _relative_error(together, apart) < ERRORS[dtype]


def test_a_batch_of_prompts_equals_the_literal_one():
    network, literal = _network(SMALL)
    generator = torch.Generator().manual_seed(2)
    embedding = torch.randn(2, SMALL.out_channels, 8, 8, 8, generator=generator)
    previous = torch.randn(2, 1, 32, 32, 32, generator=generator)
    coords, labels = torch.tensor([[[1, 2, 3]], [[30, 20, 10]]]), torch.tensor([[1], [0]])
    found = network.decode(embedding, coords, labels, previous)
    assert (
        _relative_error(found, literal.decode(embedding.double(), coords, labels, previous.double())) < 1e-5
    )


@pytest.fixture(scope="module")
def full_width() -> tuple[SegAny3D, Tensor, Tensor, Tensor]:
    """The papers' widths and grid with two window blocks and a global one: network, patch, embedding, logits."""
    network, literal = _network(SAM3DConfig(depth=3, global_blocks=(2,)))
    patch = _patch(128)
    with torch.inference_mode():
        embedding = literal.encode(patch.double())
        logits = literal.decode(embedding, torch.tensor([[[64, 60, 70]]]), torch.tensor([[1]]), None)
    return network, patch, embedding, logits


@pytest.mark.parametrize(
    ("precision", "error", "agreement", "dice"),
    [("float32", 1e-4, 0.9999, 0.9999), ("bfloat16", 0.05, 0.99, 0.99)],
)
def test_papers_widths_agree_in_each_precision(full_width, precision, error, agreement, dice):
    network, patch, embedding, logits = full_width
    copy = SegAny3D(network.config)
    copy.load_state_dict(network.state_dict())
    model = SegmentationModel(copy, PRESETS["papers"], device=torch.device("cpu"), precision=precision)
    found_embedding = model.encode(patch)
    found = model.decode(found_embedding, torch.tensor([[[64, 60, 70]]]), torch.tensor([[1]]))
    assert _relative_error(found_embedding, embedding) < error
    assert _relative_error(found, logits) < error
    here, there = model.upscale(found), model.upscale(logits)
    assert _agreement(here, there) > agreement
    overlap = ((here > 0) & (there > 0)).sum()
    assert 2 * overlap / ((here > 0).sum() + (there > 0).sum()) > dice
