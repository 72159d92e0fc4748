"""The two-way transformer of the mask decoder: tokens and image attend to each other [P1 §3.1]."""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from seganypet.models.layers import TransformerMLP


class ProjectedAttention(nn.Module):
    """Multi-head attention whose queries, keys and values are projected to fewer channels.

    Where one side has few tokens and the other many, as clicks and image have, the projections of the many are moved
    to the few: q·(W x) = (Wᵀ q)·x, and the projection of a weighted sum is the weighted sum of projections. This is
    the same sum in another order, at about a third of the work.

    Args:
        dim: Channels in and out.
        num_heads: Heads; must divide `internal_dim`.
        internal_dim: Channels after the projections.
    """

    def __init__(self, dim: int, num_heads: int, internal_dim: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.internal_dim = internal_dim
        self.q_proj = nn.Linear(dim, internal_dim)
        self.k_proj = nn.Linear(dim, internal_dim)
        self.v_proj = nn.Linear(dim, internal_dim)
        self.out_proj = nn.Linear(internal_dim, dim)

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Return [B, Q, dim] for queries [B, Q, dim], keys and values [B, N, dim]."""
        few = self.internal_dim // self.num_heads
        if queries.shape[1] < few <= keys.shape[1]:
            return self._few_queries(queries, keys, values)
        if keys.shape[1] < few <= queries.shape[1]:
            return self._few_keys(queries, keys, values)
        attended = F.scaled_dot_product_attention(
            self._heads(self.q_proj(queries)),
            self._heads(self.k_proj(keys)),
            self._heads(self.v_proj(values)),
        )
        out: Tensor = self.out_proj(attended.transpose(1, 2).flatten(2))
        return out

    def _few_queries(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Attend with keys and values as they are; they are projected after they are summed up."""
        query = self._heads(self.q_proj(queries)) * self._scale
        asked, offset = self._moved(query, self.k_proj)
        share = (asked @ keys.mT + offset).softmax(-1)
        summed = (share @ values).reshape(len(queries), self.num_heads, -1, values.shape[-1])
        attended = summed @ self._by_head(self.v_proj.weight).mT + self.v_proj.bias.view(
            self.num_heads, 1, -1
        )
        out: Tensor = self.out_proj(attended.transpose(1, 2).flatten(2))
        return out

    def _few_keys(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Attend with queries as they are; the values are projected to the output before they are summed up."""
        key = self._heads(self.k_proj(keys)) * self._scale
        offered, offset = self._moved(key, self.q_proj)
        # Scores stand with the many queries last: a softmax over a handful of neighbours in memory is slow.
        scores = (offered @ queries.mT + offset).reshape(*key.shape[:3], -1)
        value = self._heads(self.v_proj(values))
        written = value @ self.out_proj.weight.view(-1, self.num_heads, value.shape[-1]).permute(1, 2, 0)
        return scores.softmax(2).flatten(1, 2).mT @ written.flatten(1, 2) + self.out_proj.bias

    def _moved(self, few: Tensor, projection: nn.Linear) -> tuple[Tensor, Tensor]:
        """Return what few·(W x + b) becomes: vectors Wᵀ·few [B, heads·N, dim] and offsets few·b [B, heads·N, 1].

        Args:
            few: Projected vectors of the few, [B, heads, N, channels of a head].
            projection: That of the many, W and b.
        """
        vectors = (few @ self._by_head(projection.weight)).flatten(1, 2)
        offsets = few @ projection.bias.view(self.num_heads, -1, 1)
        return vectors, offsets.flatten(1, 2)

    @property
    def _scale(self) -> float:
        return float((self.internal_dim // self.num_heads) ** -0.5)

    def _by_head(self, weight: Tensor) -> Tensor:
        """Return a projection's weight as [heads, channels of a head, dim]."""
        return weight.view(self.num_heads, -1, weight.shape[1])

    def _heads(self, x: Tensor) -> Tensor:
        """Return [B, heads, N, channels of a head] for [B, N, C]."""
        return x.reshape(*x.shape[:2], self.num_heads, -1).transpose(1, 2)


class TwoWayBlock(nn.Module):
    """Self-attention of the tokens, tokens to image, MLP of the tokens, image to tokens.

    Args:
        dim: Channels of tokens and image.
        num_heads: Heads of each attention.
        mlp_dim: Hidden channels of the MLP.
        first: True for the first block, whose self-attention has neither position nor residual.
    """

    def __init__(self, *, dim: int, num_heads: int, mlp_dim: int, first: bool) -> None:
        super().__init__()
        self.first = first
        self.self_attn = ProjectedAttention(dim, num_heads, dim)
        self.norm1 = nn.LayerNorm(dim)
        self.cross_attn_token_to_image = ProjectedAttention(dim, num_heads, dim // 2)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = TransformerMLP(dim, mlp_dim, nn.ReLU())
        self.norm3 = nn.LayerNorm(dim)
        self.cross_attn_image_to_token = ProjectedAttention(dim, num_heads, dim // 2)
        self.norm4 = nn.LayerNorm(dim)

    def forward(
        self, tokens: Tensor, image: Tensor, token_pe: Tensor, image_pe: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return tokens [B, T, dim] and image [B, N, dim], updated.

        Args:
            tokens: [B, T, dim].
            image: [B, N, dim].
            token_pe: The tokens before the first block, added wherever they are compared, [B, T, dim].
            image_pe: Position encoding of the image, [1 or B, N, dim].
        """
        if self.first:
            tokens = self.self_attn(tokens, tokens, tokens)
        else:
            placed = tokens + token_pe
            tokens = tokens + self.self_attn(placed, placed, tokens)
        tokens = self.norm1(tokens)
        placed_image = image + image_pe
        tokens = self.norm2(tokens + self.cross_attn_token_to_image(tokens + token_pe, placed_image, image))
        tokens = self.norm3(tokens + self.mlp(tokens))
        image = self.norm4(image + self.cross_attn_image_to_token(placed_image, tokens + token_pe, tokens))
        return tokens, image


class TwoWayTransformer(nn.Module):
    """Blocks of two-way attention, then a last look of the tokens at the image.

    Args:
        depth: Number of blocks.
        dim: Channels of tokens and image.
        num_heads: Heads of each attention.
        mlp_dim: Hidden channels of each MLP.
    """

    def __init__(self, *, depth: int, dim: int, num_heads: int, mlp_dim: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            TwoWayBlock(dim=dim, num_heads=num_heads, mlp_dim=mlp_dim, first=index == 0)
            for index in range(depth)
        )
        self.final_attn_token_to_image = ProjectedAttention(dim, num_heads, dim // 2)
        self.norm_final_attn = nn.LayerNorm(dim)

    def forward(self, tokens: Tensor, image: Tensor, image_pe: Tensor) -> tuple[Tensor, Tensor]:
        """Return tokens [B, T, dim] and image [B, N, dim] after all blocks; arguments as in `TwoWayBlock`."""
        token_pe = tokens
        for layer in self.layers:
            tokens, image = layer(tokens, image, token_pe, image_pe)
        attended = self.final_attn_token_to_image(tokens + token_pe, image + image_pe, image)
        return self.norm_final_attn(tokens + attended), image
