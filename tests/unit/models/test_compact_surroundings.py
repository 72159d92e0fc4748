"""What lies around a window: seen by the image encoder, and nothing else changed by it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from seganypet.errors import GeometryError, UsageError
from seganypet.models.compact import CompactConfig, CompactSegmenter

P = 16
PLAIN = CompactConfig(
    patch_size=P,
    channels=(4, 8, 12),
    encoder_blocks=(1, 1, 1),
    transformer_blocks=1,
    decoder_blocks=1,
    num_heads=2,
)
SEEING = replace(PLAIN, surroundings=True)
INNER = slice(P // 2, -P // 2)


def patch(size: int = 2 * P) -> Tensor:
    return torch.rand(1, 1, size, size, size, generator=torch.Generator().manual_seed(1))


def network(config: CompactConfig) -> CompactSegmenter:
    torch.manual_seed(0)
    return CompactSegmenter(config)


def told(seeing: CompactSegmenter) -> CompactSegmenter:
    """Let the surroundings count, as if it had been learned."""
    with torch.no_grad():
        seeing.image_encoder.surroundings.attention.out_proj.weight.normal_(std=0.5)
    return seeing


def test_a_widened_network_answers_as_before_until_it_learns():
    plain, seeing = network(PLAIN), network(SEEING)
    added = seeing.load_state_dict(plain.state_dict(), strict=False)
    assert not added.unexpected_keys
    assert {name.split(".")[1] for name in added.missing_keys} == {"surroundings"}
    wide = patch()
    before, after = plain.encode(wide[..., INNER, INNER, INNER]), seeing.encode(wide)
    for was, now in zip(before, after, strict=True):
        torch.testing.assert_close(now, was)


def test_what_lies_around_changes_the_coarse_tokens_alone():
    seeing, here, other = told(network(SEEING)), patch(), patch()
    other[..., 0:4, :, :] += 3.0
    one, two = seeing.encode(here), seeing.encode(other)
    for name in ("patch", "fine", "mid"):
        torch.testing.assert_close(getattr(one, name), getattr(two, name))
    assert (one.coarse - two.coarse).abs().max() > 1e-3
    assert torch.equal(one.patch, here[..., INNER, INNER, INNER])


def test_where_something_lies_around_makes_a_difference():
    seeing, left, right = told(network(SEEING)), torch.zeros(1, 1, 32, 32, 32), torch.zeros(1, 1, 32, 32, 32)
    left[..., 2:6, 12:20, 12:20], right[..., 26:30, 12:20, 12:20] = 5.0, 5.0
    assert (seeing.encode(left).coarse - seeing.encode(right).coarse).abs().max() > 1e-4


def test_learning_reaches_the_attention_and_through_it_the_windows_tokens():
    seeing = told(network(SEEING))
    seeing.encode(patch()).coarse.pow(2).sum().backward()
    parts = seeing.image_encoder.surroundings
    for parameter in (parts.position, parts.attention.in_proj_weight, parts.attention.out_proj.weight):
        assert parameter.grad.abs().max() > 0
    assert seeing.image_encoder.stem.weight.grad.abs().max() > 0


def test_logits_are_of_the_window():
    seeing = network(SEEING)
    assert (seeing.patch_size, seeing.field_size, seeing.logits_size) == (P, 2 * P, P)
    assert network(PLAIN).field_size == P
    logits = seeing.decode(seeing.encode(patch()), torch.tensor([[[8.0, 8, 8]]]), torch.tensor([[1]]))
    assert logits.shape == (1, 1, P, P, P)


def test_refuses_a_window_without_its_surroundings():
    with pytest.raises(GeometryError, match=r"patch.*32"):
        network(SEEING).encode(patch(P))


def test_refuses_what_is_no_switch():
    with pytest.raises(UsageError, match="surroundings=1"):
        replace(PLAIN, surroundings=1)
