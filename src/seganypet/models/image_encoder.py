"""The image encoder F_IE: one patch of PET to one embedding, kept for every click [P1 eq. 1].

A vision transformer over cubes of voxels. Most blocks attend within windows; the papers' network has windows
of 14³ tokens over a grid of 8³, so the window is padded with zero tokens, which take part in the attention.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from seganypet.models.layers import LayerNorm3d, TransformerMLP


class PositionTerms(NamedTuple):
    """The relative position bias of a window of side n, as three terms that are summed.

    The bias of query (i, j, k) on key (x, y, z) is `on_z[z] + on_xz[x, z] + on_yz[y, z]` of that query.

    Attributes:
        on_z: [B, heads, I, J, K, n].
        on_xz: [B, heads, I, J, K or 1, n, n or 1]; 1 where the term is the same along that axis.
        on_yz: As `on_xz`.
    """

    on_z: Tensor
    on_xz: Tensor
    on_yz: Tensor


def _relative_rows(table: Tensor) -> Tensor:
    """Return [n query positions, n key positions, C]: row `query - key + n - 1` of a table [2n - 1, C]."""
    side = (len(table) + 1) // 2
    position = torch.arange(side, device=table.device)
    return table[position[:, None] - position[None, :] + side - 1]


def relative_position_terms(
    queries: Tensor, padding_query: Tensor, tables: Sequence[Tensor], *, corrected: bool
) -> PositionTerms:
    """Return the relative position bias of each query, in the released form or the corrected one.

    The intended bias of query (i, j, k) on key (x, y, z) is, with q the query's vector,

        q(i, j, k)·table_d[i - x] + q(i, j, k)·table_h[j - y] + q(i, j, k)·table_w[k - z].

    The released code of SAM-Med3D and SegAnyPET adds the three terms to the attention map with one index too
    few, and broadcasting, which works because all axes are equally long, puts each at another place:

        q(i, j, k)·table_d[i - z] + q(i, j, x)·table_h[j - z] + q(i, j, y)·table_w[y - z].

    Every published checkpoint was trained so, hence only this form gives its masks. Here x and y also pick
    queries; in a padded window the last ones are padding.

    Args:
        queries: Unscaled query vectors of the real tokens of a window, [B, heads, I, J, K, C].
        padding_query: The query vector of a padding token, [heads, 1, C].
        tables: Learned vectors per offset along the three axes (d, h, w), each [2n - 1, C].
        corrected: True for the intended form, False for the one of the published checkpoints.

    Returns:
        The three terms, for all n³ keys of the window, padding included.
    """
    rows_d, rows_h, rows_w = (_relative_rows(table) for table in tables)
    i, j, k = queries.shape[2:5]
    if corrected:
        return PositionTerms(
            on_z=torch.einsum("bnijkc,kzc->bnijkz", queries, rows_w[:k]),
            on_xz=torch.einsum("bnijkc,ixc->bnijkx", queries, rows_d[:i]).unsqueeze(-1),
            on_yz=torch.einsum("bnijkc,jyc->bnijky", queries, rows_h[:j]).unsqueeze(-1),
        )
    padded = _pad_last_axis(queries, padding_query, len(rows_w))
    return PositionTerms(
        on_z=torch.einsum("bnijkc,izc->bnijkz", queries, rows_d[:i]),
        on_xz=torch.einsum("bnijxc,jzc->bnijxz", padded, rows_h[:j]).unsqueeze(4),
        on_yz=torch.einsum("bnijyc,yzc->bnijyz", padded, rows_w).unsqueeze(4),
    )


def _pad_last_axis(queries: Tensor, padding_query: Tensor, side: int) -> Tensor:
    """Return queries [B, heads, I, J, K, C] lengthened to K = side with the padding query [heads, 1, C]."""
    batch, heads, i, j, k, channels = queries.shape
    padding = padding_query.view(1, heads, 1, 1, 1, channels).expand(batch, heads, i, j, side - k, channels)
    return torch.cat([queries, padding.to(queries.dtype)], dim=4)


def _real_key_bias(terms: PositionTerms, extent: tuple[int, int, int]) -> Tensor:
    """Return the bias on the real keys, [B, heads, queries, keys] in the order of the tokens."""
    x, y, z = extent
    bias = (
        terms.on_z[..., None, None, :z]
        + terms.on_xz[..., :x, None, : min(z, terms.on_xz.shape[-1])]
        + terms.on_yz[..., None, :y, : min(z, terms.on_yz.shape[-1])]
    )
    return bias.flatten(5).flatten(2, 4)


def _padding_key_bias(terms: PositionTerms, extent: tuple[int, int, int]) -> Tensor:
    """Return the log-sum-exp of the bias over all padding keys, [B, heads, queries, 1].

    Padding keys share one key and one value, so that with this bias one key stands for all of them, exactly.
    They fill three boxes of the window: beyond the real x; beyond the real y with x real; the rest beyond z.
    Within a box the sum over x and the sum over y are independent given z, so nothing of size n³ is built.
    """
    x, y, z = extent
    side = terms.on_z.shape[-1]
    whole = slice(0, side)
    boxes = (
        (slice(x, side), whole, whole),
        (slice(0, x), slice(y, side), whole),
        (slice(0, x), slice(0, y), slice(z, side)),
    )
    masses = []
    for box in boxes:
        if all(part.start < part.stop for part in box):
            over_xy = terms.on_xz[..., box[0], :].logsumexp(-2) + terms.on_yz[..., box[1], :].logsumexp(-2)
            masses.append((over_xy + terms.on_z)[..., box[2]].logsumexp(-1))
    return torch.stack(masses, dim=-1).logsumexp(-1).flatten(2).unsqueeze(-1)


class WindowAttention(nn.Module):
    """Self-attention of the tokens of one window, with a learned bias per relative position.

    A window has `window_size`³ places. Where there are fewer tokens, the rest is padding: zero tokens after
    the last token of each axis, attended to without a mask, as in the released code.

    Args:
        dim: Channels of a token.
        num_heads: Attention heads; must divide `dim`.
        window_size: Places along each axis of the window.
        corrected: See `relative_position_terms`.
    """

    def __init__(self, *, dim: int, num_heads: int, window_size: int, corrected: bool) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.window_size = window_size
        self.corrected = corrected
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        offsets, head_dim = 2 * window_size - 1, dim // num_heads
        self.rel_pos_d = nn.Parameter(torch.zeros(offsets, head_dim))
        self.rel_pos_h = nn.Parameter(torch.zeros(offsets, head_dim))
        self.rel_pos_w = nn.Parameter(torch.zeros(offsets, head_dim))

    def forward(self, tokens: Tensor) -> Tensor:
        """Return [B, I, J, K, dim] for the real tokens of one window, [B, I, J, K, dim]."""
        batch, *extent, dim = tokens.shape
        i, j, k = extent
        projected = self.qkv(tokens).reshape(batch, i * j * k, 3, self.num_heads, dim // self.num_heads)
        queries, keys, values = projected.permute(2, 0, 3, 1, 4)
        # A zero token projects to the bias of the projection.
        padding_query, padding_key, padding_value = self.qkv.bias.view(3, self.num_heads, 1, -1)
        terms = relative_position_terms(
            queries.unflatten(2, (i, j, k)),
            padding_query,
            (self.rel_pos_d, self.rel_pos_h, self.rel_pos_w),
            corrected=self.corrected,
        )
        bias = _real_key_bias(terms, (i, j, k))
        if i * j * k < self.window_size**3:
            bias = torch.cat([bias, _padding_key_bias(terms, (i, j, k))], dim=-1)
            keys = _append(keys, padding_key)
            values = _append(values, padding_value)
        attended = F.scaled_dot_product_attention(queries, keys, values, attn_mask=bias.to(queries.dtype))
        out: Tensor = self.proj(attended.transpose(1, 2).reshape(batch, i, j, k, dim))
        return out


def _append(vectors: Tensor, vector: Tensor) -> Tensor:
    """Return [B, heads, N + 1, C]: vectors [B, heads, N, C] and one more [heads, 1, C] behind them."""
    return torch.cat([vectors, vector.to(vectors.dtype).expand(len(vectors), -1, -1, -1)], dim=2)


def _in_windows(tokens: Tensor, size: int, attend: Callable[[Tensor], Tensor], axis: int = 1) -> Tensor:
    """Return tokens [B, I, J, K, C] with `attend` run on each window of at most size³ tokens."""
    if axis == tokens.ndim - 1:
        return attend(tokens)
    parts = torch.split(tokens, size, axis)
    return torch.cat([_in_windows(part, size, attend, axis + 1) for part in parts], axis)


class EncoderBlock(nn.Module):
    """Transformer block: attention within windows, then an MLP, both residual and normalised before.

    Args:
        dim: Channels of a token.
        num_heads: Attention heads.
        mlp_dim: Hidden channels of the MLP.
        window_size: Tokens along each side of a window; the whole grid for global attention.
        corrected: See `relative_position_terms`.
    """

    def __init__(self, *, dim: int, num_heads: int, mlp_dim: int, window_size: int, corrected: bool) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = WindowAttention(
            dim=dim,
            num_heads=num_heads,
            window_size=window_size,
            corrected=corrected,
        )
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = TransformerMLP(dim, mlp_dim, nn.GELU())

    def forward(self, tokens: Tensor) -> Tensor:
        """Return [B, I, J, K, dim] for tokens [B, I, J, K, dim]."""
        tokens = tokens + _in_windows(self.norm1(tokens), self.attn.window_size, self.attn)
        out: Tensor = tokens + self.mlp(self.norm2(tokens))
        return out


class PatchEmbedding(nn.Module):
    """Cubes of token_size³ voxels to tokens, by one linear map."""

    def __init__(self, dim: int, token_size: int) -> None:
        super().__init__()
        self.proj = nn.Conv3d(1, dim, kernel_size=token_size, stride=token_size)

    def forward(self, patch: Tensor) -> Tensor:
        """Return tokens [B, I, J, K, dim] of a patch [B, 1, I·size, J·size, K·size]."""
        tokens: Tensor = self.proj(patch)
        return tokens.permute(0, 2, 3, 4, 1)


class ImageEncoder(nn.Module):
    """The image encoder F_IE [P1 §3.1].

    Args:
        grid_size: Tokens along each side of the patch.
        token_size: Voxels along each side of a token.
        dim: Channels of a token.
        num_heads: Attention heads of each block; must divide `dim`.
        mlp_dim: Hidden channels of each block's MLP.
        window_sizes: Tokens along each side of the attention window, per block; `grid_size` is global.
        out_channels: Channels of the embedding.
        corrected: See `relative_position_terms`.
    """

    def __init__(
        self,
        *,
        grid_size: int,
        token_size: int,
        dim: int,
        num_heads: int,
        mlp_dim: int,
        window_sizes: Sequence[int],
        out_channels: int,
        corrected: bool,
    ) -> None:
        super().__init__()
        self.patch_embed = PatchEmbedding(dim, token_size)
        self.pos_embed = nn.Parameter(torch.zeros(1, grid_size, grid_size, grid_size, dim))
        self.blocks = nn.ModuleList(
            EncoderBlock(
                dim=dim,
                num_heads=num_heads,
                mlp_dim=mlp_dim,
                window_size=window_size,
                corrected=corrected,
            )
            for window_size in window_sizes
        )
        self.neck = nn.Sequential(
            nn.Conv3d(dim, out_channels, kernel_size=1, bias=False),
            LayerNorm3d(out_channels),
            nn.Conv3d(out_channels, out_channels, kernel_size=3, padding=1, bias=False),
            LayerNorm3d(out_channels),
        )

    def forward(self, patch: Tensor) -> Tensor:
        """Return the image embedding [B, out_channels, grid, grid, grid] of a patch [B, 1, I, J, K]."""
        tokens = self.patch_embed(patch) + self.pos_embed
        for block in self.blocks:
            tokens = block(tokens)
        image_embedding: Tensor = self.neck(tokens.permute(0, 4, 1, 2, 3))
        return image_embedding
