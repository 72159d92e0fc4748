"""Settings that a network cannot have are refused."""

import pytest

from seganypet.errors import UsageError
from seganypet.evaluation.nnunet.settings import NETWORKS, Settings, legal_patch


@pytest.mark.parametrize(
    ("network", "width"), [("nnunet", 32), ("stunet", 16), ("segresnet", 32), ("swinunetr", 48)]
)
def test_defaults_are_the_framework_s_length_and_the_networks_width(network, width):
    settings = Settings(network=network)
    assert (settings.epochs, settings.iterations, settings.channels) == (1000, 250, width)


@pytest.mark.parametrize("network", NETWORKS)
def test_multiples_of_32_suit_all(network):
    assert Settings(network=network, patch=(64, 32, 96)).patch == (64, 32, 96)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"network": "unet"}, "network 'unet' is unknown; choose of nnunet, stunet"),
        ({"epochs": 0}, "epochs is 0; expected a number above 0"),
        ({"minutes": -1.0}, "minutes is -1.0"),
        ({"batch": 0}, "batch is 0"),
        ({"optimizer": "adam"}, "optimizer 'adam' is unknown; choose of sgd, adamw"),
        ({"normalisation": "zscore"}, "normalisation 'zscore' is unknown; choose of scan, cohort"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0; expected a number above 0"),
        ({"spacing_mm": (4.0, 0.0, 4.0)}, "spacing is .*; expected millimetres above 0"),
        ({"patch": (4, 16, 16)}, "and at least 8"),
        ({"network": "segresnet", "patch": (20, 16, 16)}, "segresnet takes multiples of 8"),
        ({"network": "swinunetr", "patch": (64, 64, 48)}, "swinunetr takes multiples of 32"),
        ({"network": "swinunetr", "patch": (32, 32, 32)}, "give at least 64 along one axis"),
        ({"network": "swinunetr", "width": 16}, "swinunetr takes multiples of 12"),
        ({"network": "segresnet", "width": 12}, "segresnet takes multiples of 8"),
        ({"network": "stunet", "width": 48}, "stunet has 16, 32, 64, 96, or less"),
    ],
)
def test_refuses(changed, problem):
    with pytest.raises(UsageError, match=problem):
        Settings(**{"network": "nnunet", **changed})


def test_planned_patches_are_rounded_up_to_what_a_network_takes():
    assert legal_patch("nnunet", [20, 28, 40]) == [20, 28, 40]
    assert legal_patch("segresnet", [20, 28, 40]) == [24, 32, 40]
    assert legal_patch("swinunetr", [20, 28, 40]) == [32, 32, 64]
    assert legal_patch("swinunetr", [20, 28, 30]) == [64, 32, 32]
