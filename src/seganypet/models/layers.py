"""Small layers that the encoders and the decoder share."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

# With fewer rows than this, the matrix product does not pay for being set up as a convolution.
_FEW_ROWS = 64


def token_linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return `x @ weight.T + bias`, [..., out] for x [..., in].

    On a CPU it runs as a convolution with a kernel of one voxel, which is the same: PyTorch leaves float32 matrix
    products to MKL, which on AMD processors reaches less than half of what oneDNN's convolutions do.
    """
    rows = x.shape[:-1].numel()
    if rows < _FEW_ROWS or not _on_onednn(x):
        return F.linear(x, weight, bias)
    image = x.reshape(1, 1, rows, x.shape[-1]).permute(0, 3, 1, 2)  # channels last: nothing is moved
    out = F.conv2d(image, weight[:, :, None, None], bias)
    return out.permute(0, 2, 3, 1).reshape(*x.shape[:-1], len(weight))


def _on_onednn(x: Tensor) -> bool:
    """Return whether oneDNN computes convolutions of this tensor."""
    if x.device.type != "cpu" or x.dtype == torch.float64:
        return False
    return bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]


def full_precision(x: Tensor) -> AbstractContextManager[object]:
    """Return a context in which autocast leaves operations on this tensor's device alone."""
    kind = x.device.type
    return torch.autocast(kind, enabled=False) if torch.amp.is_autocast_available(kind) else nullcontext()


class TokenLinear(nn.Linear):
    """A linear layer for many tokens at once, see `token_linear`."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  the name in nn.Linear
        """Return [..., out_features] for [..., in_features]."""
        return token_linear(input, self.weight, self.bias)


class LayerNorm3d(nn.Module):
    """Layer norm over the channels of [B, C, I, J, K], each voxel by itself."""

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` [B, C, I, J, K] with mean 0 and variance 1 over C, then scaled and shifted."""
        return self.of_tokens(x.movedim(1, -1)).movedim(-1, 1)

    def of_tokens(self, x: Tensor) -> Tensor:
        """Return the same for [..., C]."""
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, self.eps)


class TransformerMLP(nn.Module):
    """The two linear layers of a transformer block, the same for every token.

    Args:
        dim: Channels in and out.
        hidden_dim: Channels between the layers.
        activation: GELU in the image encoder, ReLU in the mask decoder.
    """

    def __init__(self, dim: int, hidden_dim: int, activation: nn.Module) -> None:
        super().__init__()
        self.lin1 = TokenLinear(dim, hidden_dim)
        self.lin2 = TokenLinear(hidden_dim, dim)
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
