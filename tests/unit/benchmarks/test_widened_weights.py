"""Older weights in the present network: what they knew stays, what they did not know changes nothing."""

from __future__ import annotations

import torch

from seganypet.models.compact import CompactConfig, CompactSegmenter
from widened_weights import middle, widened

SMALL = {
    "channels": (8, 16, 24),
    "encoder_blocks": (1, 1, 1),
    "transformer_blocks": 1,
    "decoder_blocks": 1,
    "num_heads": 2,
}


def test_middle_of_a_position_table():
    table = torch.arange(4**3, dtype=torch.float32).reshape(1, 64, 1)
    expected = [21, 22, 25, 26, 37, 38, 41, 42]  # 16 i + 4 j + k for i, j, k in 1, 2
    assert middle(table, 8).flatten().tolist() == expected


def test_widened_network_answers_clicks_as_before():
    torch.manual_seed(0)
    known = CompactSegmenter(CompactConfig(patch_size=32, **SMALL)).eval()
    network = CompactSegmenter(CompactConfig(patch_size=32, boxes=True, connected=True, **SMALL)).eval()
    network.load_state_dict(widened(known.state_dict(), network))
    patch, click = torch.rand(1, 1, 32, 32, 32), torch.tensor([[[10.0, 12.0, 20.0]]])
    label = torch.ones(1, 1, dtype=torch.long)
    with torch.no_grad():
        before, after = (n.decode(n.encode(patch), click, label) for n in (known, network))
    assert torch.allclose(before, after, atol=1e-5)


def test_smaller_patch_keeps_the_middle_of_the_positions():
    torch.manual_seed(0)
    known = CompactSegmenter(CompactConfig(patch_size=32, **SMALL))
    torch.nn.init.normal_(known.image_encoder.position)
    network = CompactSegmenter(CompactConfig(patch_size=16, **SMALL))
    network.load_state_dict(widened(known.state_dict(), network))
    assert torch.equal(network.image_encoder.position, middle(known.image_encoder.position, 8))
