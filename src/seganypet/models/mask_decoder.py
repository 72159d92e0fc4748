"""The mask decoder F_D: image embedding and prompt embeddings to the logits of a mask [P1 eq. 1]."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from seganypet.models.layers import LayerNorm3d, TokenMLP, token_linear
from seganypet.models.two_way_transformer import TwoWayTransformer


class MaskDecoder(nn.Module):
    """The mask decoder F_D [P1 §3.1].

    Only the first mask token was trained in the published checkpoints, so only its mask is computed. The
    other tokens still take part in the attention; their output layers (`output_hypernetworks_mlps` 1 and up)
    and the `iou_prediction_head` are there for the checkpoint's sake, get no gradient and mean nothing.

    Args:
        dim: Channels of the embeddings; a multiple of 8.
        depth: Blocks of the two-way transformer.
        num_heads: Heads of its attentions.
        mlp_dim: Hidden channels of its MLPs.
        mask_tokens: Number of mask tokens.
        iou_head_dim: Hidden channels of the unused IoU head.
    """

    def __init__(
        self, *, dim: int, depth: int, num_heads: int, mlp_dim: int, mask_tokens: int, iou_head_dim: int
    ) -> None:
        super().__init__()
        self.transformer = TwoWayTransformer(depth=depth, dim=dim, num_heads=num_heads, mlp_dim=mlp_dim)
        self.iou_token = nn.Embedding(1, dim)
        self.mask_tokens = nn.Embedding(mask_tokens, dim)
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose3d(dim, dim // 4, kernel_size=2, stride=2),
            LayerNorm3d(dim // 4),
            nn.GELU(),
            nn.ConvTranspose3d(dim // 4, dim // 8, kernel_size=2, stride=2),
            nn.GELU(),
        )
        self.output_hypernetworks_mlps = nn.ModuleList(
            TokenMLP(dim, dim, dim, dim // 8) for _ in range(mask_tokens)
        )
        self.iou_prediction_head = TokenMLP(dim, iou_head_dim, iou_head_dim, mask_tokens)

    def forward(
        self, image_embedding: Tensor, image_pe: Tensor, sparse_embeddings: Tensor, dense_embedding: Tensor
    ) -> Tensor:
        """Return the logits of the mask, [B, 1, 4·grid, 4·grid, 4·grid].

        Args:
            image_embedding: [1 or B, dim, grid, grid, grid].
            image_pe: Position encoding of its tokens, [1, dim, grid, grid, grid].
            sparse_embeddings: Embedded clicks, [B, N, dim].
            dense_embedding: Embedded previous mask, [B, dim, grid, grid, grid].
        """
        output_tokens = torch.cat([self.iou_token.weight, self.mask_tokens.weight])
        tokens = torch.cat([output_tokens.expand(len(sparse_embeddings), -1, -1), sparse_embeddings], dim=1)
        image = image_embedding + dense_embedding
        tokens, attended = self.transformer(tokens, _to_tokens(image), _to_tokens(image_pe))
        # Token 0 is the IoU token, token 1 the first mask token.
        weights = self.output_hypernetworks_mlps[0](tokens[:, 1])
        logits = self._upscale(attended) @ weights[:, :, None]
        return _to_volume(logits.squeeze(-1), image.shape[-1])

    def _upscale(self, image: Tensor) -> Tensor:
        """Return the features of 4³ voxels for each token, [B, N·64, dim / 8], from tokens [B, N, dim].

        `output_upscaling` without moving a feature: a transposed convolution whose stride is its kernel is a matrix
        product that gives every voxel eight finer ones, and its neighbours in memory may as well be these.
        """
        first, norm, activation, second, _ = self.output_upscaling
        x = activation(cast(LayerNorm3d, norm).of_tokens(_eight_voxels(image, first)))
        upscaled: Tensor = activation(_eight_voxels(x, second))
        return upscaled


def _eight_voxels(x: Tensor, convolution: nn.Module) -> Tensor:
    """Return [B, 8·N, out]: the 2³ voxels that a transposed convolution makes of each of [B, N, in]."""
    weight = convolution.get_parameter("weight").permute(2, 3, 4, 1, 0).flatten(0, 3)
    finer = token_linear(x, weight, convolution.get_parameter("bias").repeat(8))
    return finer.reshape(len(x), 8 * x.shape[1], -1)


def _to_volume(voxels: Tensor, grid: int) -> Tensor:
    """Return [B, 1, 4·grid, 4·grid, 4·grid]; voxels [B, grid³·64] come token by token, each twice in eight parts."""
    side = 4 * grid
    parts = voxels.reshape(-1, *(grid,) * 3, *(2,) * 6)
    return parts.permute(0, 1, 4, 7, 2, 5, 8, 3, 6, 9).reshape(-1, 1, side, side, side)


def _to_tokens(image: Tensor) -> Tensor:
    """Return [B, I·J·K, C] for [B, C, I, J, K]."""
    return image.flatten(2).transpose(1, 2)
