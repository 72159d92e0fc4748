"""Networks to train further: their weights, their description, and what widening them for boxes changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from papers_checkpoint import SMALL, random_network, write_papers_checkpoint
from seganypet.errors import UsageError, WeightsError
from seganypet.models.compact import CompactSegmenter
from seganypet.models.weights import describe_weights, load_model, load_network, save_weights
from tiny_weights import write_tiny_weights


@pytest.fixture
def saved(tmp_path) -> Path:
    return write_tiny_weights(tmp_path)


def answer(network: torch.nn.Module) -> torch.Tensor:
    generator = torch.Generator().manual_seed(4)
    patch = torch.rand(1, 1, 16, 16, 16, generator=generator)
    with torch.no_grad():
        return network.decode(network.encode(patch), torch.tensor([[[5.0, 6, 7]]]), torch.tensor([[1]]))


def test_all_weights_are_float32_and_can_be_trained(saved):
    network, description = load_network(saved)
    assert description == describe_weights(saved).description
    stored = load_file(saved)
    assert network.state_dict().keys() == stored.keys()
    for name, parameter in network.named_parameters():
        assert parameter.dtype == torch.float32
        assert parameter.requires_grad
        assert torch.equal(parameter, stored[name].float())
    assert network.training
    answer(network)
    network.decode(network.encode(torch.rand(1, 1, 16, 16, 16)), None, None).sum().backward()


def test_it_answers_as_the_model_that_predicts(saved):
    network, _ = load_network(saved)
    model = load_model(saved, device="cpu", precision="float32")
    torch.testing.assert_close(answer(network), answer(model.network), rtol=1e-4, atol=1e-5)


def test_a_checkpoint_of_the_authors_can_be_trained_further(tmp_path):
    path = write_papers_checkpoint(tmp_path / "sam.pth", random_network())
    network, description = load_network(path)
    assert description.architecture == "sam3d"
    assert all(p.requires_grad and p.dtype == torch.float32 for p in network.parameters())
    assert network.config == SMALL


def test_a_network_widened_for_boxes_answers_to_clicks_as_before(saved):
    plain, before = load_network(saved)
    network, description = load_network(saved, boxes=True)
    assert isinstance(network, CompactSegmenter)
    assert network.boxes
    assert description == replace(before, config={**before.config, "boxes": True})
    assert not description.boxes  # until it is trained
    assert torch.equal(answer(network), answer(plain))
    assert all(p.requires_grad for p in network.parameters())


def test_a_widened_network_is_saved_and_read_with_its_boxes(saved, tmp_path):
    network, description = load_network(saved, boxes=True)
    path = tmp_path / "wide.safetensors"
    save_weights(network, replace(description, boxes=True), path)
    model = load_model(path, device="cpu")
    assert model.boxes
    assert not load_model(saved, device="cpu").boxes


def test_a_network_with_boxes_is_not_widened_again(tmp_path):
    path = write_tiny_weights(tmp_path, boxes=True)
    network, description = load_network(path, boxes=True)
    assert description.boxes
    assert network.get_parameter("mask_decoder.box_stem.weight").any()


def test_a_description_of_boxes_alone_makes_no_network_take_them(saved):
    content = saved.with_suffix(".json").read_text()
    saved.with_suffix(".json").write_text(content.replace('"boxes": false', '"boxes": true'))
    assert load_model(saved, device="cpu").description.boxes
    assert not load_model(saved, device="cpu").boxes


def test_refuses_to_widen_the_papers_network(tmp_path):
    path = write_papers_checkpoint(tmp_path / "sam.pth", random_network())
    with pytest.raises(UsageError, match=r'sam.pth: architecture "sam3d" has no place for boxes; leave'):
        load_network(path, boxes=True)


def test_refuses_weights_that_are_not_there():
    with pytest.raises(WeightsError, match='no weights named "nonsense"'):
        load_network("nonsense")
