"""The commands of the tables are commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation_tables import KINDS, evaluation, training
from seganypet.cli import build_parser
from seganypet.cli.baseline import settings_of
from seganypet.cli.evaluate import evaluation_run
from seganypet.evaluation.nnunet.settings import NETWORKS

COHORTS, NETS = Path("cohorts"), Path("nets")


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("kind", list(KINDS))
def test_a_network_can_be_trained_so(kind, network):
    arguments = build_parser().parse_args(training(kind, network, COHORTS, NETS))
    settings = settings_of(arguments)
    assert settings.targets == KINDS[kind].targets
    assert settings.minutes == KINDS[kind].minutes
    assert settings.augmentation is KINDS[kind].augmented
    assert arguments.output == NETS / kind / network


def test_methods_of_the_tables_have_names_of_their_own():
    command = evaluation("phantoms", COHORTS, NETS, Path("tables"), Path("held.safetensors"))
    run = evaluation_run(build_parser().parse_args(command))
    labels = [method.label for method in run.methods]
    assert labels[:4] == ["default", "lesion", "held-out", "nnU-Net organs"]
    assert len(labels) == 3 + 2 * len(NETWORKS) + 8
    tumours = evaluation_run(
        build_parser().parse_args(evaluation("tumours", COHORTS, NETS, Path("tables"), None))
    )
    assert "nnU-Net" in [method.label for method in tumours.methods]
