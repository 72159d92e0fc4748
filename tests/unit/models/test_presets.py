"""Networks by name, and what is refused."""

from __future__ import annotations

import pytest
import torch

from seganypet.errors import WeightsError
from seganypet.models.compact import CompactConfig, CompactSegmenter
from seganypet.models.presets import ARCHITECTURES, PRESETS, build_network, build_preset
from seganypet.models.sam3d import SegAny3D


def test_presets_have_the_sizes_they_promise():
    with torch.device("meta"):  # shapes without memory
        sizes = {name: sum(p.numel() for p in build_preset(name).parameters()) for name in PRESETS}
    assert sizes["papers"] == sizes["papers-corrected"] == 100_509_232
    assert 5_000_000 < sizes["compact"] < 12_000_000


def test_every_architecture_has_a_preset():
    assert {preset.architecture for preset in PRESETS.values()} == set(ARCHITECTURES)


def test_presets_are_called_what_they_are_found_by():
    assert all(preset.name == name for name, preset in PRESETS.items())


def test_papers_preset_expects_what_the_released_weights_do():
    papers = PRESETS["papers"]
    assert (papers.spacing_mm, papers.orientation, papers.normalisation) == (1.5, "RAS", "zscore_positive")
    assert (papers.prompt_policy, papers.passes) == ("newest", (1, 1))
    assert not papers.bfloat16


def test_lists_stand_for_tuples_as_json_gives_them():
    config = {"patch_size": 16, "channels": [4, 8, 12], "encoder_blocks": [1, 1, 1], "num_heads": 2}
    network = build_network("compact", config)
    assert isinstance(network, CompactSegmenter)
    assert network.config == CompactConfig(
        patch_size=16, channels=(4, 8, 12), encoder_blocks=(1, 1, 1), num_heads=2
    )


def test_papers_architecture_is_built_from_its_configuration():
    config = {
        "patch_size": 32,
        "embed_dim": 48,
        "depth": 1,
        "num_heads": 2,
        "global_blocks": [0],
        "out_channels": 48,
    }
    with torch.device("meta"):
        network = build_network("sam3d", config)
    assert isinstance(network, SegAny3D)
    assert network.config.global_blocks == (0,)


def test_refuses_an_unknown_preset():
    with pytest.raises(WeightsError, match='preset "huge" is unknown; expected one of compact, papers'):
        build_preset("huge")


def test_refuses_an_unknown_architecture():
    with pytest.raises(WeightsError, match='architecture "unet" is unknown; expected one of compact, sam3d'):
        build_network("unet", {})


@pytest.mark.parametrize("architecture", ["compact", "sam3d"])
@pytest.mark.parametrize(
    "config",
    [
        {"colour": "red"},
        {"patch_size": 60},
        {"patch_size": "64"},
        {"num_heads": 5},
        {"num_heads": 0},
        ["patch_size"],
        None,
    ],
)
def test_refuses_a_configuration_that_fits_no_network(architecture, config):
    with pytest.raises(WeightsError, match=f'configuration of architecture "{architecture}"'):
        build_network(architecture, config)


def test_refuses_two_resolutions_instead_of_three():
    with pytest.raises(WeightsError, match=r"channels=\(8, 16\); use three numbers"):
        build_network("compact", {"channels": [8, 16]})
