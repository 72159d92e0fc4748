"""Small layers that the encoders and the decoder share."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn


class LayerNorm3d(nn.Module):
    """Layer norm over the channels of [B, C, I, J, K], each voxel by itself."""

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` [B, C, I, J, K] with mean 0 and variance 1 over C, then scaled and shifted."""
        centred = x - x.mean(1, keepdim=True)
        variance = centred.square().mean(1, keepdim=True)
        normalised = centred * torch.rsqrt(variance + self.eps)
        shape = (-1, 1, 1, 1)
        return normalised * self.weight.view(shape) + self.bias.view(shape)


class TransformerMLP(nn.Module):
    """The two linear layers of a transformer block, the same for every token.

    Args:
        dim: Channels in and out.
        hidden_dim: Channels between the layers.
        activation: GELU in the image encoder, ReLU in the mask decoder.
    """

    def __init__(self, dim: int, hidden_dim: int, activation: nn.Module) -> None:
        super().__init__()
        self.lin1 = nn.Linear(dim, hidden_dim)
        self.lin2 = nn.Linear(hidden_dim, dim)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Return [..., dim] for `x` [..., dim]."""
        out: Tensor = self.lin2(self.activation(self.lin1(x)))
        return out


class TokenMLP(nn.Module):
    """Linear layers with ReLU between them: reads one output token of the mask decoder.

    Args:
        dims: Channels before the first layer, after each layer in turn.
    """

    def __init__(self, *dims: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(before, after) for before, after in pairwise(dims))

    def forward(self, x: Tensor) -> Tensor:
        """Return [..., dims[-1]] for `x` [..., dims[0]]."""
        for layer in list(self.layers)[:-1]:
            x = torch.relu(layer(x))
        out: Tensor = self.layers[-1](x)
        return out
