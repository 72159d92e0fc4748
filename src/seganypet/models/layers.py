"""Small layers that the encoders and the decoder share."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise
from typing import Any

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
    flat = x.reshape(rows, x.shape[-1])
    if not torch.is_grad_enabled():
        out = _product(flat, weight, bias)
    elif x.dtype == torch.float32 and not torch.is_autocast_enabled("cpu"):
        out = _TokenProduct.apply(flat, weight, bias)  # type: ignore[no-untyped-call]
    else:  # in 16 bits PyTorch's own products are quicker, forward and backward together
        out = F.linear(flat, weight, bias)
    return out.reshape(*x.shape[:-1], len(weight))


class _TokenProduct(torch.autograd.Function):
    """`x @ weight.T + bias` for x [rows, in] and weight [out, in], whose gradients are such products too.

    A convolution's own gradient for its weight takes up to three times as long as the product that it is.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Return [rows, out]."""
        ctx.save_for_backward(x, weight)
        return _product(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of x, weight and bias for that of the product, [rows, out]."""
        x, weight = ctx.saved_tensors
        to_x, to_weight, to_bias = ctx.needs_input_grad
        return (
            _product(gradient, weight.t(), None) if to_x else None,
            _product(gradient.t(), x.t(), None) if to_weight else None,
            gradient.sum(0) if to_bias else None,
        )


def _product(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return `x @ weight.T + bias`, [rows, out] for x [rows, in], as a convolution."""
    image = x.contiguous()[None, None].permute(0, 3, 1, 2)  # channels last: nothing is moved
    out = F.conv2d(image, weight.contiguous()[:, :, None, None], bias)
    return out.permute(0, 2, 3, 1).reshape(len(x), len(weight))


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


class Convolution3d(nn.Conv3d):
    """torch's convolution; on a CPU always oneDNN's.

    For one small float32 volume at a time torch would take its own, which is two to three times slower
    (`benchmarks/small_convolutions.py`). Training, whose batches hold several, is not concerned.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  the name in nn.Conv3d
        """Return [B, out_channels, …] for [B, in_channels, I, J, K]."""
        exact = input.dtype == self.weight.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
        if not exact or torch.is_grad_enabled() or not _on_onednn(input) or isinstance(self.padding, str):
            return super().forward(input)
        return torch.mkldnn_convolution(
            input, self.weight, self.bias, self.padding, self.stride, self.dilation, self.groups
        )


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


def upscaled(x: Tensor, side: int) -> Tensor:
    """Return [B, C, side, side, side] for [B, C, I, J, K], trilinear, with voxel centres in line.

    As products with a matrix for each axis: the same numbers as `interpolate`, whose gradient takes eight times as
    long on a CPU.
    """
    for axis in (2, 3, 4):
        size = x.shape[axis]
        identity = torch.eye(size, device=x.device, dtype=x.dtype)[None]
        matrix = F.interpolate(identity, size=side, mode="linear", align_corners=False)[0].T  # [side, size]
        x = torch.movedim(torch.movedim(x, axis, -1) @ matrix.T, -1, axis)
    return x
