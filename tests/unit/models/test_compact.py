"""The compact network assembled: what its parts promise each other, on a tiny one."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from monai.losses.dice import DiceCELoss
from torch import Tensor

from seganypet.errors import GeometryError, PromptError, UsageError
from seganypet.models.compact import CompactConfig, CompactSegmenter
from seganypet.models.model import ModelDescription, SegmentationModel

TINY = CompactConfig(
    patch_size=16,
    channels=(8, 16, 24),
    encoder_blocks=(1, 1, 1),
    transformer_blocks=1,
    decoder_blocks=1,
    num_heads=2,
)
P = TINY.patch_size
LOSS = DiceCELoss(sigmoid=True, squared_pred=True)
CLICK, POSITIVE = torch.tensor([[[5.0, 8.0, 8.0]]]), torch.tensor([[1]])


def scene() -> tuple[Tensor, Tensor]:
    """Two equal hot balls in noise; the first is the target, so that the click matters."""
    axis = torch.arange(P).float()
    i, j, k = torch.meshgrid(axis, axis, axis, indexing="ij")
    target = ((i - 5) ** 2 + (j - 8) ** 2 + (k - 8) ** 2) <= 9
    other = ((i - 12) ** 2 + (j - 8) ** 2 + (k - 8) ** 2) <= 6
    noise = 0.1 * torch.rand(P, P, P, generator=torch.Generator().manual_seed(3))
    return ((target | other).float() + noise)[None, None], target[None, None]


def network(seed: int = 0) -> CompactSegmenter:
    """Return a network whose residual branches are not the identity they begin as."""
    torch.manual_seed(seed)
    built = CompactSegmenter(TINY)
    with torch.no_grad():
        for name, parameter in built.named_parameters():
            if name.endswith("conv2.weight") or name.endswith("position"):
                parameter.normal_(std=0.05)
    return built


def dice(logits: Tensor, reference: Tensor) -> float:
    mask = logits > 0
    return float(2 * (mask & reference).sum() / (mask.sum() + reference.sum()))


@pytest.fixture(scope="module")
def fitted() -> CompactSegmenter:
    """A network trained on one patch for 40 steps."""
    torch.manual_seed(0)
    model, (patch, reference), loss = CompactSegmenter(TINY), scene(), LOSS
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(40):
        logits = model.decode(model.encode(patch), CLICK, POSITIVE)
        optimiser.zero_grad()
        loss(logits, reference.float()).backward()
        optimiser.step()
    return model.eval().requires_grad_(False)


def test_sizes():
    model = network()
    embedding = model.encode(scene()[0])
    assert [tuple(t.shape[1:]) for t in embedding] == [
        (1, 16, 16, 16),
        (8, 8, 8, 8),
        (16, 4, 4, 4),
        (24, 2, 2, 2),
    ]
    logits = model.decode(embedding, CLICK, POSITIVE)
    assert logits.shape == (1, 1, P, P, P)
    assert model.upscale(logits) is logits
    assert model.patch_size == model.logits_size == P


def test_learns_one_patch_in_forty_steps(fitted):
    patch, reference = scene()
    torch.manual_seed(0)
    untrained = CompactSegmenter(TINY).requires_grad_(False)
    before = dice(untrained.decode(untrained.encode(patch), CLICK, POSITIVE), reference)
    after = dice(fitted.decode(fitted.encode(patch), CLICK, POSITIVE), reference)
    assert before < 0.3
    assert after > 0.9


def test_batch_of_two_equals_two_single_patches():
    model = network().requires_grad_(False)
    patches = torch.rand(2, 1, P, P, P, generator=torch.Generator().manual_seed(4))
    coords, labels = (
        torch.tensor([[[1.0, 2, 3], [9, 9, 9]], [[4, 4, 4], [0, 15, 7]]]),
        torch.tensor([[1, 0], [1, -1]]),
    )
    previous = torch.randn(2, 1, P, P, P, generator=torch.Generator().manual_seed(5))
    both = model.decode(model.encode(patches), coords, labels, previous)
    for n in range(2):
        one = slice(n, n + 1)
        alone = model.decode(model.encode(patches[one]), coords[one], labels[one], previous[one])
        torch.testing.assert_close(both[one], alone, rtol=1e-4, atol=1e-5)
    assert (both[0] - both[1]).abs().max() > 1e-2


def test_embedding_serves_every_click_and_is_not_changed():
    model = network().requires_grad_(False)
    embedding = model.encode(scene()[0])
    kept = [t.clone() for t in embedding]
    first = model.decode(embedding, CLICK, POSITIVE)
    elsewhere = model.decode(embedding, CLICK + 6, POSITIVE, first)
    assert torch.equal(model.decode(embedding, CLICK, POSITIVE), first)
    assert all(torch.equal(a, b) for a, b in zip(embedding, kept, strict=True))
    assert (elsewhere - first).abs().max() > 1e-3


def test_no_previous_logits_are_zero_logits():
    model = network().requires_grad_(False)
    embedding = model.encode(scene()[0])
    zeros = torch.zeros(1, 1, P, P, P)
    assert torch.equal(
        model.decode(embedding, CLICK, POSITIVE), model.decode(embedding, CLICK, POSITIVE, zeros)
    )
    assert not torch.equal(
        model.decode(embedding, CLICK, POSITIVE), model.decode(embedding, CLICK, POSITIVE, zeros + 3)
    )


def test_where_padding_lies_does_not_matter():
    """Padding is seen as such through its token; its coordinate is not."""
    model = network().requires_grad_(False)
    embedding, labels = model.encode(scene()[0]), torch.tensor([[1, -1]])
    here, there = (torch.cat([CLICK, torch.full((1, 1, 3), c)], 1) for c in (0.0, 9.0))
    assert torch.equal(model.decode(embedding, here, labels), model.decode(embedding, there, labels))


def test_order_of_the_clicks_does_not_matter():
    model = network().requires_grad_(False)
    embedding = model.encode(scene()[0])
    coords, labels = torch.tensor([[[5.0, 8, 8], [12, 8, 8], [1, 1, 1]]]), torch.tensor([[1, 0, 0]])
    order = [2, 0, 1]
    torch.testing.assert_close(
        model.decode(embedding, coords, labels), model.decode(embedding, coords[:, order], labels[:, order])
    )


def test_decodes_without_any_click():
    model = network().requires_grad_(False)
    logits = model.decode(model.encode(scene()[0]), torch.zeros(1, 0, 3), torch.zeros(1, 0, dtype=torch.long))
    assert logits.shape == (1, 1, P, P, P)
    assert logits.isfinite().all()


def test_gradient_reaches_every_parameter():
    model, (patch, reference) = network(), scene()
    coords, labels = torch.tensor([[[5.0, 8, 8], [12, 8, 8], [0, 0, 0]]]), torch.tensor([[1, 0, -1]])
    logits = model.decode(model.encode(patch), coords, labels)
    LOSS(logits, reference.float()).backward()
    # A constant added to all keys changes no attention weight: the gradient of its bias is 0 but for rounding.
    dead = [
        name
        for name, p in model.named_parameters()
        if not name.endswith("k_proj.bias") and (p.grad is None or not p.grad.abs().max() > 1e-9)
    ]
    assert dead == []
    assert (model.prompt_encoder.label.weight.grad.abs().amax(1) > 0).all()


def test_sixteen_bits_agree_with_thirty_two(fitted):
    description = ModelDescription(
        name="tiny",
        architecture="compact",
        config={},
        spacing_mm=4.0,
        normalisation="log1p",
        prompt_policy="all",
    )
    patch, _ = scene()
    logits = {}
    for precision in ("float32", "bfloat16"):
        model = SegmentationModel(
            deepcopy(fitted), description, device=torch.device("cpu"), precision=precision
        )
        logits[precision] = model.decode(model.encode(patch), CLICK, POSITIVE)
        assert logits[precision].dtype == torch.float32
    full, short = logits["float32"], logits["bfloat16"]
    assert not torch.equal(full, short)
    assert (full - short).abs().mean() < 0.02 * full.abs().mean()
    assert dice(short, full > 0) > 0.97


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"patch_size": 60}, "patch_size=60; use a multiple of 8"),
        ({"patch_size": 0}, "patch_size=0; use 1 or more"),
        ({"channels": (8, 16)}, r"channels=\(8, 16\); use three numbers"),
        ({"channels": (8, 0, 24)}, "use three numbers of 1 or more"),
        ({"encoder_blocks": (1, 1, 1, 1)}, "encoder_blocks"),
        ({"decoder_blocks": 0}, "decoder_blocks=0"),
        ({"num_heads": 5}, "multiple of 2 x num_heads = 10"),
        ({"boxes": 1}, "boxes=1; use True or False"),
    ],
)
def test_refuses_sizes_that_do_not_fit(sizes, message):
    with pytest.raises(UsageError, match=message):
        CompactConfig(**sizes)


@pytest.mark.parametrize("shape", [(1, 1, P, P, 8), (1, 2, P, P, P), (P, P, P), (1, 1, 32, 32, 32)])
def test_refuses_a_patch_of_another_shape(shape):
    with pytest.raises(GeometryError, match=r"patch has shape .*this model takes \('B', 1, 16, 16, 16\)"):
        network().encode(torch.zeros(shape))


def test_refuses_prompts_that_do_not_match():
    model = network()
    embedding = model.encode(scene()[0])
    with pytest.raises(PromptError, match=r"\(1, 1, 3\) and \(1, 2\)"):
        model.decode(embedding, CLICK, torch.tensor([[1, 0]]))
    with pytest.raises(PromptError, match=r"point_labels holds 3, .* never learned boxes"):
        model.decode(embedding, CLICK, torch.tensor([[3]]))
    with pytest.raises(GeometryError, match="low_res_logits has shape"):
        model.decode(embedding, CLICK, POSITIVE, torch.zeros(1, 1, 8, 8, 8))
