"""The shared layers against PyTorch's own, or numbers worked out by hand."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from seganypet.models.layers import Convolution3d, LayerNorm3d, TokenLinear, token_linear, upscaled


@pytest.mark.parametrize("shape", [(2, 4, 5, 6, 12), (1, 200, 12), (3, 12), (12,), (0, 12)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("biased", [True, False])
def test_token_linear_is_a_linear_layer(shape, dtype, biased):
    generator = torch.Generator().manual_seed(0)
    x, weight, bias = (torch.randn(s, generator=generator).to(dtype) for s in (shape, (7, 12), (7,)))
    expected = F.linear(x, weight, bias if biased else None)
    tolerance = {torch.float32: 1e-5, torch.float64: 1e-12, torch.bfloat16: 0.1}[dtype]
    out = token_linear(x, weight, bias if biased else None)
    assert out.dtype == dtype
    torch.testing.assert_close(out, expected, rtol=0.01 if dtype == torch.bfloat16 else 1e-5, atol=tolerance)


def test_token_linear_takes_tokens_in_any_memory_order():
    x = torch.randn(1, 12, 10, 10, generator=torch.Generator().manual_seed(0)).permute(0, 2, 3, 1)
    layer = TokenLinear(12, 7)
    torch.testing.assert_close(layer(x), F.linear(x.contiguous(), layer.weight, layer.bias))


def test_token_linear_has_the_gradients_of_a_linear_layer():
    x = torch.randn(100, 12, generator=torch.Generator().manual_seed(0), requires_grad=True)
    layer = TokenLinear(12, 7)
    inputs = [x, layer.weight, layer.bias]
    here = torch.autograd.grad(layer(x).square().sum(), inputs)
    there = torch.autograd.grad(F.linear(x, layer.weight, layer.bias).square().sum(), inputs)
    for ours, theirs in zip(here, there, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize(("kernel", "stride", "padding"), [(3, 1, 1), (2, 2, 0), (1, 1, 0)])
@pytest.mark.parametrize("learning", [True, False])
def test_convolution_is_that_of_torch(batch, dtype, kernel, stride, padding, learning):
    torch.manual_seed(0)
    layer = Convolution3d(3, 5, kernel, stride=stride, padding=padding)
    plain = torch.nn.Conv3d(3, 5, kernel, stride=stride, padding=padding)
    plain.load_state_dict(layer.state_dict())
    x = torch.randn(batch, 3, 6, 8, 4)
    with torch.set_grad_enabled(learning):
        out = layer.to(dtype)(x.to(dtype))
    assert out.dtype == dtype
    assert out.requires_grad == learning
    tolerance = {"rtol": 0.05, "atol": 0.05} if dtype == torch.bfloat16 else {"rtol": 1e-5, "atol": 1e-5}
    torch.testing.assert_close(out.float(), plain(x), **tolerance)


def test_convolution_of_one_small_volume_is_onednns():
    layer, x = Convolution3d(8, 8, 3, padding=1), torch.rand(1, 8, 8, 8, 8)
    with torch.no_grad(), torch.profiler.profile() as seen:
        layer(x)
    named = {event.key for event in seen.key_averages()}
    assert "aten::mkldnn_convolution" in named
    assert "aten::slow_conv3d_forward" not in named


def test_convolution_heeds_autocast():
    layer, x = Convolution3d(2, 2, 1), torch.rand(1, 2, 2, 2, 2)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert layer(x).dtype == torch.bfloat16


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last_3d])
def test_layer_norm_runs_over_the_channels_of_each_voxel(memory_format):
    # Channels 1 and 3: mean 2, deviation 1, so -1 and 1 up to epsilon; then times 2, and plus 5 for the second.
    norm = LayerNorm3d(2)
    with torch.no_grad():
        norm.weight.fill_(2.0)
        norm.bias.copy_(torch.tensor([0.0, 5.0]))
    x = (
        torch.tensor([1.0, 3.0])
        .view(1, 2, 1, 1, 1)
        .expand(1, 2, 3, 4, 5)
        .contiguous(memory_format=memory_format)
    )
    out = norm(x)
    assert out.shape == x.shape
    torch.testing.assert_close(out[0, :, 2, 3, 4], torch.tensor([-2.0, 7.0]), rtol=0, atol=1e-5)


@pytest.mark.parametrize("biased", [True, False])
def test_token_linear_gives_the_same_numbers_whether_or_not_gradients_are_wanted(biased):
    x = torch.randn(100, 12, generator=torch.Generator().manual_seed(0))
    layer = TokenLinear(12, 7)
    bias = layer.bias if biased else None
    wanted = token_linear(x, layer.weight, bias)
    with torch.no_grad():
        assert torch.equal(wanted, token_linear(x, layer.weight, bias))
    wanted.sum().backward()
    torch.testing.assert_close(layer.weight.grad, x.sum(0).expand(7, 12))
    assert x.grad is None
    assert not biased or layer.bias.grad.tolist() == [100.0] * 7


@pytest.mark.parametrize(("size", "side"), [(8, 32), (5, 20), (4, 4), (2, 7)])
def test_upscaled_is_trilinear_interpolation_and_so_is_its_gradient(size, side):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 1, size, size, size, generator=generator, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(2, 1, side, side, side, generator=generator, dtype=torch.float64)
    expected = F.interpolate(x, size=(side,) * 3, mode="trilinear", align_corners=False)
    found = upscaled(x, side)
    assert torch.allclose(found, expected)
    gradients = [torch.autograd.grad((out * weights).sum(), x)[0] for out in (found, expected)]
    assert torch.allclose(*gradients)
