from __future__ import annotations

import pytest

from seganypet.errors import UsageError
from seganypet.phantom.labels import NoiseConfig, mild, severe, typical


def test_the_default_makes_no_error():
    config = NoiseConfig()
    assert config.organ_boundary == config.lesion_threshold == config.false_positives == 0
    assert config.lesion_missed == (0.0, 0.0)


def test_presets_grow_worse():
    configs = mild(), typical(), severe()
    for name in (
        "organ_missing",
        "organ_boundary",
        "lesion_threshold",
        "false_positives",
        "habit_mm",
        "wave_mm",
    ):
        values = [getattr(config, name) for config in configs]
        assert values == sorted(values)
        assert values[0] < values[-1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"organ_missing": 1.2}, "organ_missing is 1.2; expected 0 to 1"),
        ({"lesion_missed": (0.1, -0.5)}, "lesion_missed is .*expected 0 to 1"),
        ({"false_positives": -1.0}, "false_positives is -1.0; expected 0 or more"),
        ({"organ_leak": float("nan")}, "organ_leak is nan"),
        ({"habit_mm": -0.1}, "habit_mm is -0.1; expected 0 mm or more"),
        ({"wave_mm": (3.0, 1.0)}, "wave_mm is .*<= highest"),
        ({"coarse_mm": (0.0, 5.0)}, "coarse_mm is .*0 < lowest"),
    ],
)
def test_impossible_configurations_are_refused(changes, message):
    with pytest.raises(UsageError, match=message):
        NoiseConfig(**changes)
