"""Mask decoder of the compact network: features and prompts to logits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from seganypet.models.compact_layers import Down, ResidualBlock, Up, depth_to_space
from seganypet.models.layers import Convolution3d
from seganypet.models.two_way_transformer import TwoWayTransformer

if TYPE_CHECKING:
    from seganypet.models.compact import CompactConfig, CompactEmbedding


class CompactMaskDecoder(nn.Module):
    """Features and prompts to logits: down through the prompt maps, two-way attention, up with skip connections."""

    def __init__(self, config: CompactConfig, prompt_channels: int) -> None:
        super().__init__()
        c0, c1, c2 = config.channels
        self.prompt_stem = Convolution3d(prompt_channels, c0, 3, padding=1)
        # Without a bias, and zero at first: where no box is shown, it adds nothing.
        self.box_stem = Convolution3d(1, c0, 3, padding=1, bias=False) if config.boxes else None
        if self.box_stem is not None:
            nn.init.zeros_(self.box_stem.weight)
        self.fine_in = ResidualBlock(c0)
        self.down1 = Down(c0, c1)
        self.mid_in = ResidualBlock(c1)
        self.down2 = Down(c1, c2)
        self.transformer = TwoWayTransformer(
            depth=config.decoder_blocks, dim=c2, num_heads=config.num_heads, mlp_dim=4 * c2
        )
        self.mask_token = nn.Parameter(nn.init.normal_(torch.empty(1, 1, c2), std=0.02))
        self.coarse_out = ResidualBlock(c2)
        self.up2 = Up(c2, c1)
        self.mid_out = ResidualBlock(c1)
        self.up1 = Up(c1, c0)
        self.fine_out = nn.Sequential(ResidualBlock(c0), ResidualBlock(c0))
        self.head = Convolution3d(c0, 8, 1)

    def forward(
        self,
        embedding: CompactEmbedding,
        maps: Tensor,
        box: Tensor | None,
        tokens: Tensor,
        dense_position: Tensor,
    ) -> Tensor:
        """Return logits [B, 1, P, P, P].

        Args:
            embedding: From the image encoder.
            maps: Prompt maps in half resolution, [B, prompt_channels, P/2, P/2, P/2].
            box: Map of the box, [B, 1, P/2, P/2, P/2], in a network that takes boxes.
            tokens: One token per click and corner, [B, N, C2].
            dense_position: Positional encoding of the coarse grid, [1, (P/8)³, C2].
        """
        prompts = self.prompt_stem(maps)
        if self.box_stem is not None and box is not None:
            prompts = prompts + self.box_stem(box)
        fine = self.fine_in(embedding.fine + prompts)
        mid = self.mid_in(embedding.mid + self.down1(fine))
        coarse = embedding.coarse + self.down2(mid)
        queries = torch.cat([self.mask_token.expand(len(tokens), -1, -1), tokens], dim=1)
        token, keys = self.transformer(queries, coarse.flatten(2).transpose(1, 2), dense_position)
        # The mask token sums up the target; added everywhere it tells the convolutions what to look for.
        keys = keys + token[:, :1]
        coarse = self.coarse_out(keys.transpose(1, 2).reshape(coarse.shape))
        mid = self.mid_out(mid + self.up2(coarse))
        fine = self.fine_out(fine + self.up1(mid))
        return depth_to_space(self.head(fine))
