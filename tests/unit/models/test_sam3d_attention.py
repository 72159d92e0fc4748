"""The image encoder's attention against loops that spell out every key, padding included."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from seganypet.models.image_encoder import EncoderBlock, WindowAttention

HEADS, HEAD_DIM = 2, 3
DIM = HEADS * HEAD_DIM


def _random_block(side: int, *, corrected: bool, seed: int = 0) -> EncoderBlock:
    """A block in float64 with nothing left at zero: not the tables, not the biases."""
    block = EncoderBlock(dim=DIM, num_heads=HEADS, mlp_dim=8, window_size=side, corrected=corrected).double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.normal_(0.0, 0.7, generator=generator)
    return block


def _bias(query, place, key, side, tables, *, corrected):
    """The bias of the query at `place` on `key`; query[i, j, k] are the query vectors of the whole window."""
    d, h, w = tables
    (i, j, k), (x, y, z), zero = place, key, side - 1
    if corrected:
        own = query[i, j, k]
        return own @ d[i - x + zero] + own @ h[j - y + zero] + own @ w[k - z + zero]
    return (
        query[i, j, k] @ d[i - z + zero] + query[i, j, x] @ h[j - z + zero] + query[i, j, y] @ w[y - z + zero]
    )


def _naive_window(attention: WindowAttention, window: np.ndarray, real: tuple[int, int, int]) -> np.ndarray:
    """Attention of one full window [n, n, n, DIM], zeros where it is padded; padding keys count as released."""
    weights = {name: tensor.detach().numpy() for name, tensor in attention.named_parameters()}
    tables = [weights[f"rel_pos_{axis}"] for axis in "dhw"]
    side = len(window)
    places = list(itertools.product(range(side), repeat=3))
    projected = window @ weights["qkv.weight"].T + weights["qkv.bias"]
    heads_out = np.zeros_like(window)
    for head in range(HEADS):
        part = slice(head * HEAD_DIM, (head + 1) * HEAD_DIM)
        q, k, v = (projected[..., third * DIM : (third + 1) * DIM][..., part] for third in range(3))
        for place in places:
            logits = []
            for key in places:
                if attention.corrected and any(at >= n for at, n in zip(key, real, strict=True)):
                    logits.append(-math.inf)
                    continue
                bias = _bias(q, place, key, side, tables, corrected=attention.corrected)
                logits.append(q[place] @ k[key] / math.sqrt(HEAD_DIM) + bias)
            share = np.exp(np.array(logits) - max(logits))
            share /= share.sum()
            heads_out[place][part] = sum(s * v[key] for s, key in zip(share, places, strict=True))
    return heads_out @ weights["proj.weight"].T + weights["proj.bias"]


def _naive_windows(attention: WindowAttention, tokens: np.ndarray, side: int) -> np.ndarray:
    """Pad [I, J, K, DIM] with zeros to whole windows, attend in each, cut the padding off."""
    padded_shape = [math.ceil(extent / side) * side for extent in tokens.shape[:3]]
    padded = np.zeros((*padded_shape, DIM))
    i, j, k = tokens.shape[:3]
    padded[:i, :j, :k] = tokens
    out = np.zeros_like(padded)
    for corner in itertools.product(*(range(0, extent, side) for extent in padded_shape)):
        box = tuple(slice(start, start + side) for start in corner)
        real = tuple(extent - start for extent, start in zip(tokens.shape[:3], corner, strict=True))
        out[box] = _naive_window(attention, padded[box], real)
    return out[:i, :j, :k]


@pytest.mark.parametrize("corrected", [False, True])
@pytest.mark.parametrize(
    ("grid", "side"),
    [
        pytest.param((3, 3, 3), 3, id="global"),
        pytest.param((2, 2, 2), 4, id="one-padded-window"),
        pytest.param((3, 3, 3), 2, id="eight-windows-some-padded"),
        pytest.param((1, 2, 3), 3, id="padded-on-two-axes"),
    ],
)
def test_attention_equals_naive_loops_over_all_keys(grid, side, corrected):
    block = _random_block(side, corrected=corrected)
    tokens = torch.randn(1, *grid, DIM, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    normed = block.norm1(tokens)
    attended = tokens[0].numpy() + _naive_windows(block.attn, normed[0].detach().numpy(), side)
    after = torch.from_numpy(attended)
    expected = after + block.mlp(block.norm2(after))
    torch.testing.assert_close(block(tokens)[0], expected, rtol=1e-10, atol=1e-10)


def test_the_two_forms_of_the_position_bias_differ():
    tokens = torch.randn(1, 3, 3, 3, DIM, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    released = _random_block(4, corrected=False)(tokens)
    corrected = _random_block(4, corrected=True)(tokens)
    assert (released - corrected).abs().max() > 0.1


def test_padding_dilutes_the_attention():
    # With keys all alike and no position bias every key weighs the same: what comes out is the mean of the
    # values of 8 tokens and of 19 padding tokens, which are the bias alone.
    attention = _random_block(3, corrected=False).attn
    with torch.no_grad():
        attention.qkv.weight[DIM : 2 * DIM].zero_()
        for table in (attention.rel_pos_d, attention.rel_pos_h, attention.rel_pos_w):
            table.zero_()
    tokens = torch.randn(1, 2, 2, 2, DIM, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    mean = tokens.mean((1, 2, 3)) * 8 / 27
    value = attention.qkv.bias[2 * DIM :] + mean @ attention.qkv.weight[2 * DIM :].T
    expected = attention.proj(value).view(1, 1, 1, 1, DIM).expand(1, 2, 2, 2, DIM)
    torch.testing.assert_close(attention(tokens), expected)


def test_batches_do_not_mix():
    block = _random_block(3, corrected=False)
    tokens = torch.randn(2, 2, 2, 2, DIM, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(block(tokens)[1:], block(tokens[1:]))


@pytest.mark.parametrize("corrected", [False, True])
def test_gradients_reach_tables_and_projections(corrected):
    block = _random_block(3, corrected=corrected)
    tokens = torch.randn(1, 2, 2, 2, DIM, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(block, (tokens,), atol=1e-6)
    block(tokens).square().sum().backward()
    for name, parameter in block.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize(("tables", "projections"), [(0.0, 1.0), (30.0, 1.0), (20.0, 20.0), (1.0, 100.0)])
def test_padding_as_one_key_survives_biases_of_any_size(tables, projections):
    """Biases and scores of hundreds of nats: their exponentials overflow, their log-sum-exp does not."""
    block = _random_block(4, corrected=False).float()
    with torch.no_grad():
        for table in (block.attn.rel_pos_d, block.attn.rel_pos_h, block.attn.rel_pos_w):
            table.mul_(tables)
        block.attn.qkv.bias.mul_(projections)
    exact = _random_block(4, corrected=False)
    exact.load_state_dict(block.state_dict())
    tokens = torch.randn(1, 2, 2, 2, DIM, generator=torch.Generator().manual_seed(1))
    out = block(tokens)
    normed = exact.norm1(tokens.double())
    attended = torch.from_numpy(_naive_windows(exact.attn, normed[0].detach().numpy(), 4)).unsqueeze(0)
    after = tokens.double() + attended
    expected = after + exact.mlp(exact.norm2(after))
    assert (out - expected).abs().max() < 1e-4 * expected.abs().max()
    out.square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in block.parameters())
