"""The relative position bias of window attention, as the published checkpoints have it and as it was meant.

With q the unscaled query vector of a token and one learned table per axis, the bias of query (i, j, k) on key
(x, y, z) was meant to be

    q(i, j, k)·table_d[i - x] + q(i, j, k)·table_h[j - y] + q(i, j, k)·table_w[k - z].

The released code of SAM-Med3D and SegAnyPET adds the three terms to the attention map with one index too few, and
broadcasting, which works because all axes are equally long, puts each at another place:

    q(i, j, k)·table_d[i - z] + q(i, j, x)·table_h[j - z] + q(i, j, y)·table_w[y - z].

Every published checkpoint was trained so, hence only this form gives its masks. Here x and y also pick queries; in a
padded window the last ones are padding.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def corrected_position_bias(queries: Tensor, tables: Sequence[Tensor]) -> Tensor:
    """Return the intended bias on the keys of real tokens, [B, heads, I·J·K, I·J·K]; padding has no part in it.

    Args:
        queries: Unscaled query vectors of the real tokens of a window, [B, heads, I, J, K, C].
        tables: Learned vectors per offset along the three axes (d, h, w), each [2n - 1, C].
    """
    i, j, k = queries.shape[2:5]
    rows_d, rows_h, rows_w = (_relative_rows(table) for table in tables)
    on_x = torch.einsum("bnijkc,ixc->bnijkx", queries, rows_d[:i, :i])
    on_y = torch.einsum("bnijkc,jyc->bnijky", queries, rows_h[:j, :j])
    on_z = torch.einsum("bnijkc,kzc->bnijkz", queries, rows_w[:k, :k])
    bias = on_x[..., None, None] + (on_y[..., None] + on_z[..., None, :])[..., None, :, :]
    return bias.flatten(5).flatten(2, 4)


def released_position_bias(queries: Tensor, padding_query: Tensor, tables: Sequence[Tensor]) -> Tensor:
    """Return the bias of the published checkpoints, [B, heads, I·J·K, I·J·K or one more].

    Where the window is padded, the last key stands for all padding keys: they share one key and one value, so that
    one key with the log-sum-exp of their biases has the same effect, exactly.

    Args:
        queries: Unscaled query vectors of the real tokens of a window, [B, heads, I, J, K, C].
        padding_query: The query vector of a padding token, [heads, 1, C].
        tables: Learned vectors per offset along the three axes (d, h, w), each [2n - 1, C].
    """
    extent, side = queries.shape[2:5], (len(tables[0]) + 1) // 2
    on_z, on_xz, on_yz = _released_terms(queries, padding_query, tables)
    bias = _on_real_keys(on_z, on_xz, on_yz)
    if extent.numel() == side**3:
        return bias
    return torch.cat([bias, _on_padding(on_z, on_xz, on_yz)], dim=-1)


def _relative_rows(table: Tensor) -> Tensor:
    """Return [n query positions, n key positions, C]: row `query - key + n - 1` of a table [2n - 1, C]."""
    side = (len(table) + 1) // 2
    position = torch.arange(side, device=table.device)
    return table[position[:, None] - position[None, :] + side - 1]


def _released_terms(
    queries: Tensor, padding_query: Tensor, tables: Sequence[Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the three terms of the bias for all n keys of an axis, padding included.

    The bias of query (i, j, k) on key (x, y, z) is `on_z[i, j, k, z] + on_xz[i, j, x, z] + on_yz[i, j, y, z]`, of
    shapes [B, heads, I, J, K, n], [B, heads, I, J, n, n] and [B, heads, I, J, n, n].
    """
    rows_d, rows_h, rows_w = (_relative_rows(table) for table in tables)
    batch, heads, i, j, k, _ = queries.shape
    on_z = torch.einsum("bnijkc,izc->bnijkz", queries, rows_d[:i])
    on_xz = torch.einsum("bnijxc,jzc->bnijxz", queries, rows_h[:j])
    on_yz = torch.einsum("bnijyc,yzc->bnijyz", queries, rows_w[:k])
    beyond = len(rows_w) - k
    if beyond:
        shape = (batch, heads, i, j, beyond, len(rows_w))
        padding_h = torch.einsum("nc,jzc->njz", padding_query[:, 0], rows_h[:j])[None, :, None, :, None]
        padding_w = torch.einsum("nc,yzc->nyz", padding_query[:, 0], rows_w[k:])[None, :, None, None]
        on_xz = torch.cat([on_xz, padding_h.expand(shape)], dim=4)
        on_yz = torch.cat([on_yz, padding_w.expand(shape)], dim=4)
    return on_z, on_xz, on_yz


def _on_real_keys(on_z: Tensor, on_xz: Tensor, on_yz: Tensor) -> Tensor:
    """Return the bias on the real keys, [B, heads, queries, keys], both in the order of the tokens."""
    x, y, z = on_z.shape[2:5]
    on_xyz = on_xz[..., :x, None, :z] + on_yz[..., None, :y, :z]
    # The sum over all pairs is by far the largest array: long inner loops make it several times faster.
    on_z = on_z[..., :z].repeat(1, 1, 1, 1, 1, y)
    bias = on_xyz.flatten(5).unsqueeze(4) + on_z.unsqueeze(5)
    return bias.flatten(5).flatten(2, 4)


def _on_padding(on_z: Tensor, on_xz: Tensor, on_yz: Tensor) -> Tensor:
    """Return the log-sum-exp of the bias over all padding keys, [B, heads, queries, 1].

    Padding keys fill three boxes of the window: beyond the real x; beyond the real y with x real; beyond the real z
    with both real. Given z, the sums over x and over y are independent, so nothing of size n³ is built.
    """
    x, y, z = on_z.shape[2:5]
    side = on_z.shape[-1]
    on_boxes = []
    if x < side:
        on_boxes.append(on_z + _sum_over(on_xz[..., x:, :], on_yz))
    if y < side:
        on_boxes.append(on_z + _sum_over(on_xz[..., :x, :], on_yz[..., y:, :]))
    if z < side:
        on_boxes.append(on_z[..., z:] + _sum_over(on_xz[..., :x, z:], on_yz[..., :y, z:]))
    return torch.cat(on_boxes, dim=-1).logsumexp(-1).flatten(2).unsqueeze(-1)


def _sum_over(on_xz: Tensor, on_yz: Tensor) -> Tensor:
    """Return the log-sum-exp over x and y, [B, heads, I, J, 1, z], of terms [B, heads, I, J, x or y, z]."""
    return on_xz.logsumexp(-2, keepdim=True) + on_yz.logsumexp(-2, keepdim=True)
