"""Who is tested on which real tumours."""

from __future__ import annotations

from pathlib import Path

from protocol_cases import FOLDS, cases
from sts_manifest import rows_of


def tumours(name: str, data: Path) -> list[str]:
    return [case().name for case in cases(name, data, 0)]


def test_shipped_weights_are_tested_on_the_last_ten_patients(shared_data):
    assert tumours("tumours", shared_data) == [f"STS_{n:03d}" for n in range(25, 35)]


def test_every_patient_is_tested_in_the_one_fold_that_does_not_learn_from_it(shared_data):
    tested = {n: tumours(f"fold{n}", shared_data) for n in range(1, FOLDS + 1)}
    assert sorted(name for names in tested.values() for name in names) == [
        f"STS_{n:03d}" for n in range(2, 35)
    ]
    for number, names in tested.items():
        rows = rows_of(shared_data / "sts_crops", (number, FOLDS))
        assert names == [row.case for row in rows if row.split == "test"]
