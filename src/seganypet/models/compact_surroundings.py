"""What lies around a window: the coarse tokens of a field twice as wide, told to the window's own."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Surroundings(nn.Module):
    """Attention of a window's tokens to those of the wider field; at first it adds nothing.

    So a network trained without can be widened and learn it.

    Args:
        channels: Of a token.
        num_heads: Attention heads.
        tokens: Of the wider field.
    """

    def __init__(self, channels: int, num_heads: int, tokens: int) -> None:
        super().__init__()
        self.position = nn.Parameter(nn.init.normal_(torch.empty(1, tokens, channels), std=0.02))
        self.norm = nn.LayerNorm(channels)
        self.wider_norm = nn.LayerNorm(channels)
        self.attention = nn.MultiheadAttention(channels, num_heads, batch_first=True)
        nn.init.zeros_(self.attention.out_proj.weight)
        nn.init.zeros_(self.attention.out_proj.bias)

    def forward(self, tokens: Tensor, wider: Tensor) -> Tensor:
        """Return the window's tokens [B, N, C], each with what it wants to know of the wider field's [B, M, C]."""
        keys = self.wider_norm(wider) + self.position
        told, _ = self.attention(self.norm(tokens), keys, keys, need_weights=False)
        seen: Tensor = tokens + told
        return seen
