"""The prompt encoder F_PE: clicks to sparse embeddings, the previous mask to a dense one [P1 eq. 1]."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from seganypet.models.checks import check_labels
from seganypet.models.layers import LayerNorm3d

PADDING, NEGATIVE, POSITIVE = -1, 0, 1


class PositionEncoding(nn.Module):
    """Sines and cosines of a position at random frequencies, drawn once and kept in the checkpoint.

    Args:
        frequencies: Number of frequencies; the encoding has three channels for each.
    """

    positional_encoding_gaussian_matrix: Tensor

    def __init__(self, frequencies: int) -> None:
        super().__init__()
        self.register_buffer(
            "positional_encoding_gaussian_matrix", nn.init.normal_(torch.empty(3, frequencies))
        )

    def forward(self, position: Tensor) -> Tensor:
        """Return [..., 3·frequencies] for positions [..., 3] in units of the patch side, 0 to 1.

        The sine stands twice, before and behind the cosine, as in the released code.
        """
        phase = 2 * math.pi * (2 * position - 1) @ self.positional_encoding_gaussian_matrix
        sine = phase.sin()
        return torch.cat([sine, phase.cos(), sine], dim=-1)

    def grid(self, size: int, *, corrected: bool) -> Tensor:
        """Return the encoding of every cell centre of a grid, [1, 3·frequencies, size, size, size].

        In the released form cell (i, j, k) gets the encoding of a point at (j, i, k): that code swaps the first two
        axes here but not for points, and the published weights were trained so.
        """
        matrix = self.positional_encoding_gaussian_matrix
        centre = (torch.arange(size, device=matrix.device, dtype=matrix.dtype) + 0.5) / size
        i, j, k = torch.meshgrid(centre, centre, centre, indexing="ij")
        encoding: Tensor = self(torch.stack([i, j, k] if corrected else [j, i, k], dim=-1))
        return encoding.permute(3, 0, 1, 2).unsqueeze(0)


class PromptEncoder(nn.Module):
    """The prompt encoder F_PE [P1 §3.1].

    Without use and without gradient stay the embeddings of box corners that some checkpoints have,
    `point_embeddings` 2 and 3, and in the released form `no_mask_embed`.

    Args:
        dim: Channels of the embeddings; a multiple of 3.
        patch_size: Voxels along each side of the patch.
        grid_size: Tokens along each side of the image embedding; a mask has 4 voxels per token and side.
        mask_channels: Hidden channels of the mask's convolutions; a multiple of 4.
        point_embeddings: 2 (negative, positive), or 4 with the unused box corners.
        corrected: See `PositionEncoding.grid` and `embed_missing_mask`.
    """

    def __init__(
        self,
        *,
        dim: int,
        patch_size: int,
        grid_size: int,
        mask_channels: int,
        point_embeddings: int,
        corrected: bool,
    ) -> None:
        super().__init__()
        self.corrected = corrected
        self.patch_size = patch_size
        self.grid_size = grid_size
        self.pe_layer = PositionEncoding(dim // 3)
        self.point_embeddings = nn.ModuleList(nn.Embedding(1, dim) for _ in range(point_embeddings))
        self.not_a_point_embed = nn.Embedding(1, dim)
        self.mask_downscaling = nn.Sequential(
            nn.Conv3d(1, mask_channels // 4, kernel_size=2, stride=2),
            LayerNorm3d(mask_channels // 4),
            nn.GELU(),
            nn.Conv3d(mask_channels // 4, mask_channels, kernel_size=2, stride=2),
            LayerNorm3d(mask_channels),
            nn.GELU(),
            nn.Conv3d(mask_channels, dim, kernel_size=1),
        )
        self.no_mask_embed = nn.Embedding(1, dim)

    def embed_points(self, point_coords: Tensor, point_labels: Tensor) -> Tensor:
        """Return sparse embeddings [B, N + 1, dim] of N clicks; the last is a padding token, always there.

        Args:
            point_coords: [B, N, 3], voxel coordinates i, j, k in the patch; integer = voxel centre.
            point_labels: [B, N], 1 positive, 0 negative, -1 padding (its coordinate does not matter).

        Raises:
            PromptError: A label other than these; boxes were never learned.
        """
        check_labels(point_labels)
        coords = point_coords.to(self.pe_layer.positional_encoding_gaussian_matrix)
        coords = nn.functional.pad(coords, (0, 0, 0, 1))
        labels = nn.functional.pad(point_labels.long(), (0, 1), value=PADDING)
        encoding = self.pe_layer((coords + 0.5) / self.patch_size)
        by_label = torch.cat(
            [
                self.not_a_point_embed.weight,
                self.point_embeddings[NEGATIVE].get_parameter("weight"),
                self.point_embeddings[POSITIVE].get_parameter("weight"),
            ]
        )
        encoding = torch.where((labels == PADDING).unsqueeze(-1), 0.0, encoding)
        sparse_embeddings: Tensor = encoding + by_label[labels - PADDING]
        return sparse_embeddings

    def embed_mask(self, low_res_logits: Tensor) -> Tensor:
        """Return the dense embedding [B, dim, grid, grid, grid] of a mask's logits [B, 1, 4·grid, …]."""
        dense_embedding: Tensor = self.mask_downscaling(low_res_logits)
        return dense_embedding

    def embed_missing_mask(self, batch: int) -> Tensor:
        """Return the dense embedding [batch, dim, grid, grid, grid] that stands before the first click.

        In the released form it is that of a zero mask, Ŷ_0 = 0 [P1 eq. 1]: the released training never showed
        `no_mask_embed`, which hence is noise in the published weights. The corrected form learns it.
        """
        if self.corrected:
            shape = (batch, -1, *(self.grid_size,) * 3)
            return self.no_mask_embed.weight[:, :, None, None, None].expand(shape)
        side = 4 * self.grid_size
        return self.embed_mask(self.no_mask_embed.weight.new_zeros(batch, 1, side, side, side))

    def dense_position_encoding(self) -> Tensor:
        """Return the position encoding of the image embedding's tokens, [1, dim, grid, grid, grid]."""
        return self.pe_layer.grid(self.grid_size, corrected=self.corrected)
