"""Logits of the published network, run once on a small configuration with weights from a formula.

Origin: `ImageEncoderViT3D`, `PromptEncoder3D` and `MaskDecoder3D` of SAM-Med3D as distributed in MedIM
0.1.2 (PyPI `medim`, Apache-2.0), float32 on a CPU; mask 0 of the decoder, masks given as zeros at the first
click. Everything that a wrong order, activation or residual would change is in these numbers.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from seganypet.models.sam3d import SAM3DConfig, SegAny3D

CONFIG = SAM3DConfig(
    patch_size=32,
    token_size=8,
    embed_dim=24,
    depth=2,
    num_heads=2,
    window_size=6,
    global_blocks=(1,),
    out_channels=48,
)
COORDS = torch.tensor([[[3, 10, 30], [20, 21, 5], [16, 16, 16]]])
LABELS = torch.tensor([[1, 0, 1]])


def _wave(shape: tuple[int, ...], phase: float) -> Tensor:
    """Values between -1 and 1 without a pattern along any axis, the same on every machine."""
    count = torch.arange(torch.Size(shape).numel())
    return torch.sin((count * count % 9973).double() + phase).view(shape).float()


def _fill(model: nn.Module) -> None:
    """Give every tensor of the state a wave, norm weights around 1."""
    state = model.state_dict()
    for index, key in enumerate(sorted(state)):
        norm = key.endswith("weight") and state[key].ndim == 1
        state[key].copy_(0.25 * _wave(state[key].shape, index) + (1.0 if norm else 0.0))


PLACES = [(0, 0, 0), (1, 2, 3), (3, 2, 1), (3, 3, 3)]
EMBEDDING = [1.165754, 1.289318, 0.072911, 0.745550]
FIRST = [0.368980, 0.353579, -0.024751, -0.128594]
SECOND = [0.414631, 0.193351, -0.090009, 0.254786]
MASK_ALONE = [0.235051, 0.299498, -0.003161, -0.129004]


@pytest.fixture(scope="module")
def model() -> SegAny3D:
    built = SegAny3D(CONFIG)
    _fill(built)
    return built


def _samples(tensor: Tensor, channel: int, step: int) -> list[float]:
    return [float(tensor[0, channel, step * i, step * j, step * k]) for i, j, k in PLACES]


def test_published_network_gives_the_same_numbers(model):
    with torch.inference_mode():
        embedding = model.encode(_wave((1, 1, 32, 32, 32), 0.0))
        first = model.decode(embedding, COORDS[:, :1], LABELS[:, :1])
        second = model.decode(embedding, COORDS, LABELS, first)
        alone = model.decode(embedding, None, None, second)
    assert _samples(embedding, 5, 1) == pytest.approx(EMBEDDING, abs=2e-5)
    assert _samples(first, 0, 5) == pytest.approx(FIRST, abs=2e-5)
    assert _samples(second, 0, 5) == pytest.approx(SECOND, abs=2e-5)
    assert _samples(alone, 0, 5) == pytest.approx(MASK_ALONE, abs=2e-5)


def test_layer_norms_have_the_published_epsilon(model):
    for name, module in model.named_modules():
        if isinstance(module, nn.LayerNorm):
            assert module.eps == (1e-6 if name.startswith("image_encoder") else 1e-5), name
