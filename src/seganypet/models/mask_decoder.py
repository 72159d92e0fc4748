"""The mask decoder F_D: image embedding and prompt embeddings to the logits of a mask [P1 eq. 1]."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seganypet.models.layers import LayerNorm3d, TokenMLP
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
        upscaled = self.output_upscaling(attended.transpose(1, 2).reshape(image.shape))
        # Token 0 is the IoU token, token 1 the first mask token.
        weights = self.output_hypernetworks_mlps[0](tokens[:, 1])
        return torch.einsum("bc,bcijk->bijk", weights, upscaled).unsqueeze(1)


def _to_tokens(image: Tensor) -> Tensor:
    """Return [B, I·J·K, C] for [B, C, I, J, K]."""
    return image.flatten(2).transpose(1, 2)
