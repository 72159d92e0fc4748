"""Attention between few tokens and many: projections moved to the few change nothing but the time."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from seganypet.models.two_way_transformer import ProjectedAttention

DIM, HEADS, INTERNAL = 12, 2, 16  # 8 channels a head: fewer tokens than that are few


@pytest.fixture
def attention() -> ProjectedAttention:
    torch.manual_seed(0)
    return ProjectedAttention(DIM, HEADS, INTERNAL).double()


def _tokens(count: int, seed: int) -> Tensor:
    return torch.randn(2, count, DIM, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def _plain(attention: ProjectedAttention, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Projections first, as the layer's parameters are meant, head by head."""
    q, k, v = attention.q_proj(queries), attention.k_proj(keys), attention.v_proj(values)
    width = INTERNAL // HEADS
    heads = []
    for part in (slice(0, width), slice(width, INTERNAL)):
        share = F.softmax(q[..., part] @ k[..., part].mT / width**0.5, dim=-1)
        heads.append(share @ v[..., part])
    return attention.out_proj(torch.cat(heads, dim=-1))


SIZES = [
    pytest.param(3, 50, id="few-queries"),
    pytest.param(50, 3, id="few-keys"),
    pytest.param(1, 50, id="one-query"),
    pytest.param(50, 1, id="one-key"),
    pytest.param(3, 3, id="few-of-both"),
    pytest.param(7, 8, id="seven-queries-of-eight"),
    pytest.param(8, 7, id="seven-keys-of-eight"),
    pytest.param(50, 40, id="many-of-both"),
]


@pytest.mark.parametrize(("queries", "keys"), SIZES)
def test_attention_is_that_of_projected_queries_keys_and_values(attention, queries, keys):
    q, k, v = _tokens(queries, 1), _tokens(keys, 2), _tokens(keys, 3)
    torch.testing.assert_close(attention(q, k, v), _plain(attention, q, k, v), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("queries", "keys"), SIZES)
def test_gradients_are_those_of_the_plain_form(attention, queries, keys):
    inputs = [_tokens(n, seed).requires_grad_() for seed, n in enumerate((queries, keys, keys))]
    wanted = list(attention.parameters())  # all of them: training in parallel waits for every gradient
    fast = torch.autograd.grad(attention(*inputs).square().sum(), [*inputs, *wanted])
    plain = torch.autograd.grad(_plain(attention, *inputs).square().sum(), [*inputs, *wanted])
    for here, there in zip(fast, plain, strict=True):
        torch.testing.assert_close(here, there, rtol=1e-9, atol=1e-9)
