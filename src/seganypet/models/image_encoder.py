"""The image encoder F_IE: one patch of PET to one embedding, kept for every click [P1 eq. 1].

A vision transformer over cubes of voxels. Most blocks attend within windows; the papers' network has windows
of 14³ tokens over a grid of 8³, so the window is padded with zero tokens, which take part in the attention.
The position bias and the padding of the windows are in `position_bias.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from seganypet.models.layers import LayerNorm3d, TokenLinear, TransformerMLP, full_precision, token_linear
from seganypet.models.position_bias import corrected_position_bias, released_position_bias

# The scores of all heads of the papers' network at once are 12 MB, which the C library gives back to the system and
# asks for anew in every block: twice the time. A few heads at once reuse what is there.
_HEADS_AT_ONCE = 4


class WindowAttention(nn.Module):
    """Self-attention of the tokens of one window, with a learned bias per relative position.

    A window has `window_size`³ places. Where there are fewer tokens, the rest is padding: zero tokens after the last
    token of each axis. The released code attends to them without a mask; all of them have the same key and value,
    and so one key with the log-sum-exp of their biases stands for them, exactly.

    Args:
        dim: Channels of a token.
        num_heads: Attention heads; must divide `dim`.
        window_size: Places along each axis of the window.
        corrected: False for the released position bias and unmasked padding; True for what was intended.
    """

    def __init__(self, *, dim: int, num_heads: int, window_size: int, corrected: bool) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.window_size = window_size
        self.corrected = corrected
        self.qkv = TokenLinear(dim, 3 * dim)
        self.proj = TokenLinear(dim, dim)
        offsets, head_dim = 2 * window_size - 1, dim // num_heads
        self.rel_pos_d = nn.Parameter(torch.zeros(offsets, head_dim))
        self.rel_pos_h = nn.Parameter(torch.zeros(offsets, head_dim))
        self.rel_pos_w = nn.Parameter(torch.zeros(offsets, head_dim))

    def forward(self, tokens: Tensor) -> Tensor:
        """Return [B, I, J, K, dim] for the real tokens of one window, [B, I, J, K, dim]."""
        batch, *extent, dim = tokens.shape
        i, j, k = extent
        projected = self.qkv(tokens).reshape(batch, i, j, k, 3, self.num_heads, dim // self.num_heads)
        projected = projected.permute(4, 0, 5, 1, 2, 3, 6)
        # A zero token projects to the bias of the projection.
        padding = self.qkv.bias.view(3, 1, self.num_heads, 1, -1)
        size = _HEADS_AT_ONCE if tokens.device.type == "cpu" else self.num_heads
        groups = zip(torch.split(projected, size, 2), torch.split(padding, size, 2), strict=True)
        attended = torch.cat([self._attended(*group) for group in groups], dim=1)
        out: Tensor = self.proj(attended.transpose(1, 2).reshape(batch, i, j, k, dim))
        return out

    def _attended(self, projected: Tensor, padding: Tensor) -> Tensor:
        """Return what some heads read, [B, heads, I·J·K, C].

        Args:
            projected: Queries, keys and values of the real tokens, [3, B, heads, I, J, K, C].
            padding: Those of a padding token, [3, 1, heads, 1, C].
        """
        bias = self._position_bias(projected[0], padding[0, 0])
        queries, keys, values = projected.flatten(3, 5)
        if bias.shape[-1] > keys.shape[2]:
            keys, values = (
                torch.cat([real, one.to(real.dtype).expand(len(real), -1, -1, -1)], dim=2)
                for real, one in ((keys, padding[1]), (values, padding[2]))
            )
        return _attend(queries, keys, values, bias)

    def _position_bias(self, queries: Tensor, padding_query: Tensor) -> Tensor:
        """Return the bias of queries [B, heads, I, J, K, C] on the keys, in the precision of the tables."""
        tables = (self.rel_pos_d, self.rel_pos_h, self.rel_pos_w)
        dtype = self.rel_pos_d.dtype
        with full_precision(queries):
            if self.corrected:
                return corrected_position_bias(queries.to(dtype), tables)
            return released_position_bias(queries.to(dtype), padding_query.to(dtype), tables)


def _attend(queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor) -> Tensor:
    """Return the attention [B, heads, N, C] of queries over keys and values [B, heads, M, C]."""
    if queries.device.type == "cpu" and queries.dtype == torch.bfloat16:
        # PyTorch's fused attention is twice as slow as its parts here. The sum of scores and bias in full precision
        # takes a third off the error that 16 bits make of the embedding.
        scores = torch.bmm(queries.flatten(0, 1), keys.flatten(0, 1).mT)
        scores = torch.add(bias.flatten(0, 1), scores, alpha=queries.shape[-1] ** -0.5)
        return torch.bmm(scores.softmax(-1).to(values.dtype), values.flatten(0, 1)).view_as(queries)
    return F.scaled_dot_product_attention(queries, keys, values, attn_mask=bias.to(queries.dtype))


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
        corrected: See `WindowAttention`.
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
    """Cubes of token_size³ voxels to tokens, by one linear map.

    It is stored as a convolution, as in the checkpoints, and computed as the matrix product it is: a convolution
    with one input channel is slow in 16 bits.
    """

    def __init__(self, dim: int, token_size: int) -> None:
        super().__init__()
        self.token_size = token_size
        self.proj = nn.Conv3d(1, dim, kernel_size=token_size, stride=token_size)

    def forward(self, patch: Tensor) -> Tensor:
        """Return tokens [B, I, J, K, dim] of a patch [B, 1, I·size, J·size, K·size]."""
        batch, size = len(patch), self.token_size
        i, j, k = (n // size for n in patch.shape[2:])
        cubes = patch.reshape(batch, i, size, j, size, k, size)
        cubes = cubes.permute(0, 1, 3, 5, 2, 4, 6).flatten(4)
        return token_linear(cubes, self.proj.weight.flatten(1), self.proj.bias)


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
        corrected: See `WindowAttention`.
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
        # The first convolution has a kernel of one voxel: a matrix product over the tokens.
        tokens = token_linear(tokens, self.neck[0].get_parameter("weight").flatten(1), None)
        image_embedding: Tensor = self.neck[1:](tokens.permute(0, 4, 1, 2, 3))
        return image_embedding
