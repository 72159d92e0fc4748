"""What the ablation trains on must not tell what it asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from ablation_cohorts import plans
from ablation_targets import BASE, SEEN, UNSEEN
from seganypet.phantom.anatomy.tissues import label_groups


@pytest.mark.parametrize("organ", [*SEEN, *UNSEEN])
def test_start_model_sees_no_part_of_a_tested_organ(organ: str) -> None:
    labels = label_groups()

    known = {identifier for name in BASE if name != "lesion" for identifier in labels[name]}

    assert known.isdisjoint(labels[organ])


def test_seen_and_unseen_organs_share_no_part() -> None:
    labels = label_groups()

    seen, unseen = ({i for name in names for i in labels[name]} for names in (SEEN, UNSEEN))

    assert seen.isdisjoint(unseen)


def test_no_two_cohorts_share_a_body() -> None:
    seeds = [plan.config.seed for plan in plans(Path("anatomy"), "typical")]

    assert len(set(seeds)) == len(seeds)


def test_severe_labels_are_of_the_scans_of_typical_ones() -> None:
    typical, severe = (
        {plan.name: plan.config for plan in plans(Path("anatomy"), noise)} for noise in ("typical", "severe")
    )

    assert typical["train_lq"].seed == severe["train_lq_severe"].seed
    assert typical["train_lq"].phantom == severe["train_lq_severe"].phantom
    assert severe["train_lq_severe"].label_noise == "severe"


@pytest.mark.parametrize("name", ["train_hq", "train_lq"])
def test_training_labels_show_five_organs_only(name: str) -> None:
    plan = next(plan for plan in plans(Path("anatomy"), "typical") if plan.name == name)

    assert plan.targets == SEEN
    assert plan.config.split == (1, 0, 0)


def test_test_cohorts_have_exact_labels_and_no_training_case() -> None:
    tested = [plan for plan in plans(Path("anatomy"), "typical") if plan.name.startswith("test_")]

    assert len(tested) == 7
    for plan in tested:
        assert plan.config.labels == "hq"
        assert plan.config.split == (0, 0, 1)
        assert plan.targets == (*SEEN, *UNSEEN)
