from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from phantom_labels_body import LABELS, SPACING, small_body

from seganypet.errors import GeometryError, UsageError
from seganypet.phantom.anatomy.tissues import TISSUE_IDS
from seganypet.phantom.labels import KINDS, NoiseConfig, NoisyLabels, mild, noisy_labels, severe, typical

UNITS = ("lung_left", "heart", "liver", "spleen", "stomach", "kidney_left", "kidney_right", "colon")
PARTS = ("lung_upper_lobe_left", "lung_lower_lobe_left", "heart_myocardium")


def noisy(config: NoiseConfig, seed: int = 0) -> NoisyLabels:
    return noisy_labels(*small_body(), LABELS, SPACING, np.random.default_rng(seed), config)


def mask_of(target: str, reference: np.ndarray, lesions: np.ndarray) -> np.ndarray:
    if target == "lesions":
        return lesions > 0
    if target.startswith("lesion_"):
        return lesions == int(target.removeprefix("lesion_"))
    return np.isin(reference, LABELS[target])


@pytest.mark.parametrize("seed", range(5))
def test_without_errors_the_labels_are_the_truth(seed):
    reference, lesions, _ = small_body()
    result = noisy(NoiseConfig(), seed)
    assert np.array_equal(result.reference, reference)
    assert np.array_equal(result.lesions, lesions)
    assert all(error.dice == 1 and error.kinds == () and error.hausdorff95_mm == 0 for error in result.errors)


def test_every_organ_part_and_lesion_is_on_record():
    targets = [error.target for error in noisy(NoiseConfig()).errors]
    assert set(targets) == {*UNITS, *PARTS, "lesion_1", "lesion_2", "lesion_4", "lesions"}
    assert len(targets) == len(set(targets))


@pytest.mark.parametrize("preset", [mild, typical, severe])
@pytest.mark.parametrize("seed", range(6))
def test_recorded_errors_are_true(preset, seed):
    reference, lesions, _ = small_body()
    result = noisy(preset(), seed)
    for error in result.errors:
        label = mask_of(error.target, result.reference, result.lesions)
        truth = mask_of(error.target, reference, lesions)
        sizes = int(label.sum()) + int(truth.sum())
        assert error.dice == pytest.approx(2 * int((label & truth).sum()) / sizes)
        assert error.volume_ml == pytest.approx(label.sum() * 0.064)
        assert error.true_volume_ml == pytest.approx(truth.sum() * 0.064)
        assert set(error.kinds) <= set(KINDS)
        assert error.kinds or np.array_equal(label, truth)


@pytest.mark.parametrize("seed", range(6))
def test_the_body_keeps_its_outline_and_its_ids(seed):
    reference, _, _ = small_body()
    result = noisy(severe(), seed)
    assert result.reference.dtype == result.lesions.dtype == np.int16
    assert np.array_equal(result.reference > 0, reference > 0)
    assert set(np.unique(result.reference)) <= set(np.unique(reference))
    assert not result.lesions[reference == 0].any()
    recorded = {error.target for error in result.errors}
    assert {f"lesion_{one}" for one in np.unique(result.lesions) if one} <= recorded


def test_the_exact_labels_stay_as_they_are():
    given = small_body()
    for array in given:
        array.setflags(write=False)
    noisy_labels(*given, LABELS, SPACING, np.random.default_rng(1), severe())
    for array, fresh in zip(given, small_body(), strict=True):
        assert np.array_equal(array, fresh)


def test_the_same_seed_gives_the_same_labels_and_another_seed_others():
    one, same, other = noisy(typical(), 3), noisy(typical(), 3), noisy(typical(), 4)
    assert np.array_equal(one.reference, same.reference)
    assert np.array_equal(one.lesions, same.lesions)
    assert one.errors == same.errors
    assert not np.array_equal(one.reference, other.reference)


def test_kinds_come_at_their_configured_rates():
    config = NoiseConfig(
        organ_missing=0.1,
        organ_coarse=0.3,
        organ_boundary=0.5,
        sides_swapped=0.25,
        map_shifted=0.2,
        breathing=0.4,
        lesion_missed=(0.3, 0.3),
        lesion_boundary=0.6,
        lesion_merged=0.0,
        false_positives=1.5,
    )
    cases = 80
    counts: Counter[tuple[str, str]] = Counter()
    for seed in range(cases):
        for error in noisy(config, seed).errors:
            group = "lesion" if error.target.startswith("lesion_") else error.target
            counts.update((group, kind) for kind in error.kinds)

    def rate(kind: str, *targets: str) -> float:
        return sum(counts[target, kind] for target in targets) / (cases * len(targets))

    assert rate("missing", *UNITS) == pytest.approx(0.1, abs=0.04)
    assert rate("coarse", *UNITS) == pytest.approx(0.9 * 0.3, abs=0.06)
    assert rate("boundary", *UNITS) == pytest.approx(0.9 * 0.5, abs=0.07)
    assert rate("sides_swapped", "kidney_left", "kidney_right") == pytest.approx(0.25, abs=0.13)
    assert rate("map_shift", "liver") == pytest.approx(0.9 * 0.2, abs=0.13)
    assert rate("breathing", "liver") == pytest.approx(0.9 * 0.4, abs=0.15)
    assert rate("breathing", "lung_left") == 0
    assert rate("missed", "lesion") == pytest.approx(3 * 0.3, abs=0.25)
    assert rate("boundary", "lesion") == pytest.approx(3 * 0.7 * 0.6, abs=0.25)
    assert rate("false_positive", "lesion") == pytest.approx(1.5, abs=0.45)


def test_missing_organs_become_filler():
    reference, _, _ = small_body()
    result = noisy(NoiseConfig(organ_missing=1.0))
    assert set(np.unique(result.reference)) == {0, TISSUE_IDS["torso_fat"]}
    assert all(error.dice == 0 for error in result.errors if error.target in UNITS)
    assert np.array_equal(result.reference > 0, reference > 0)


def test_swapped_sides_carry_the_other_ids():
    reference, _, _ = small_body()
    result = noisy(NoiseConfig(sides_swapped=1.0))
    left, right = TISSUE_IDS["kidney_left"], TISSUE_IDS["kidney_right"]
    assert np.array_equal(result.reference == left, reference == right)
    assert np.array_equal(result.reference == right, reference == left)
    kinds = {error.target: error.kinds for error in result.errors}
    assert kinds["kidney_left"] == kinds["kidney_right"] == ("sides_swapped",)
    assert kinds["liver"] == kinds["lung_upper_lobe_left"] == ()


def test_merged_lobes_leave_the_lung_right():
    errors = {error.target: error for error in noisy(NoiseConfig(parts_merged=1.0)).errors}
    assert errors["lung_left"].dice == 1
    lobes = errors["lung_upper_lobe_left"], errors["lung_lower_lobe_left"]
    # One lobe of 1,600 voxels takes the other of 1,600: Dice 2 / 3 for it, 0 for the other.
    assert sorted(error.dice for error in lobes) == pytest.approx([0.0, 2 / 3])
    assert all(error.kinds == ("parts_merged",) for error in lobes)


def test_moved_divides_change_parts_but_not_organs():
    errors = {error.target: error for error in noisy(NoiseConfig(parts_moved=1.0)).errors}
    assert errors["lung_left"].dice == errors["heart"].dice == 1
    assert 0.7 < errors["lung_upper_lobe_left"].dice < 1


def test_a_leak_takes_from_a_neighbour_that_says_so():
    result = noisy(NoiseConfig(organ_leak=1.0), 2)
    errors = {error.target: error for error in result.errors}
    assert errors["stomach"].kinds == ("leak",)
    # Kidneys and colon touch nothing here.
    assert errors["kidney_right"].kinds == ()
    assert errors["kidney_right"].dice == 1
    assert sum(error.dice < 1 for error in result.errors) >= 3


def test_organs_that_only_lost_to_others_are_named_neighbours():
    reference, lesions, suv = small_body()
    seen = set()
    for seed in range(12):
        config = NoiseConfig(organ_leak=0.3)
        result = noisy_labels(reference, lesions, suv, LABELS, SPACING, np.random.default_rng(seed), config)
        seen |= {error.kinds for error in result.errors if error.dice < 1}
    assert ("neighbour",) in seen


def test_a_map_shift_moves_all_organs_alike():
    reference, _, _ = small_body()
    result = noisy(NoiseConfig(map_shifted=1.0, shift_mm=(12.0, 12.0)), 1)
    ways = []
    for name in ("colon", "kidney_left"):
        before, after = (np.argwhere(np.isin(one, LABELS[name])) for one in (reference, result.reference))
        ways.append((after.mean(axis=0) - before.mean(axis=0)) * SPACING)
    # To a voxel: shares are cut at one half.
    assert np.linalg.norm(ways[0]) == pytest.approx(12.0, abs=3.0)
    assert np.allclose(ways[0], ways[1], atol=1.0)


def test_breathing_moves_the_liver_and_not_the_lungs():
    config = NoiseConfig(breathing=1.0, shift_mm=(8.0, 8.0))
    result = noisy(config)
    errors = {error.target: error for error in result.errors}
    assert errors["liver"].kinds == ("breathing",)
    # 13 slices moved by two: 11 in common.
    assert errors["liver"].dice == pytest.approx(11 / 13, abs=0.02)
    assert errors["lung_left"].kinds in ((), ("neighbour",))


def test_false_positives_lie_on_hot_physiological_uptake_away_from_lesions():
    reference, lesions, suv = small_body()
    config = NoiseConfig(false_positives=6.0)
    result = noisy_labels(reference, lesions, suv, LABELS, SPACING, np.random.default_rng(0), config)
    new = [one for one in np.unique(result.lesions) if one > lesions.max()]
    assert len(new) >= 1
    assert new[0] == 5
    for one in new:
        spot = result.lesions == one
        assert suv[spot].max() >= 2.5
        assert not (spot & (lesions > 0)).any()
        # At most 16 mm in radius.
        assert spot.sum() * 0.064 <= 4 / 3 * np.pi * 1.7**3
    recorded = {error.target: error for error in result.errors}
    assert recorded["lesion_5"].kinds == ("false_positive",)
    assert recorded["lesion_5"].true_volume_ml == recorded["lesion_5"].dice == 0


def test_a_case_without_lesions_or_organs_has_no_errors():
    reference = np.full((8, 8, 8), TISSUE_IDS["torso_fat"], dtype=np.int16)
    suv = np.ones(reference.shape, dtype=np.float32)
    result = noisy_labels(
        reference, np.zeros_like(reference), suv, LABELS, SPACING, np.random.default_rng(0), severe()
    )
    assert result.errors == ()
    assert np.array_equal(result.reference, reference)


def test_presets_are_ordered_by_dice():
    means = []
    for preset in (mild, typical, severe):
        errors = [error for seed in range(8) for error in noisy(preset(), seed).errors]
        means.append(np.mean([error.dice for error in errors if error.target in UNITS]))
    assert means[0] > means[1] > means[2]


def test_smaller_errors_come_from_smaller_ranges():
    config = NoiseConfig(organ_boundary=1.0, habit_mm=0.0, offset_mm=0.0)
    dice = []
    for wave in (1.0, 4.0):
        result = noisy(replace(config, wave_mm=(wave, wave)), 0)
        dice.append(np.mean([error.dice for error in result.errors if error.target in UNITS]))
    assert dice[0] > dice[1] + 0.05


class TestRefusals:
    def call(self, *, spacing_mm=SPACING, labels=LABELS, **changes):
        reference, lesions, suv = small_body()
        given = {"reference": reference, "lesions": lesions, "suv": suv, **changes}
        rng = np.random.default_rng(0)
        return noisy_labels(**given, labels=labels, spacing_mm=spacing_mm, rng=rng, config=mild())

    def test_shapes_that_differ(self):
        with pytest.raises(GeometryError, match="expected one shape"):
            self.call(suv=np.ones((3, 3, 3), dtype=np.float32))

    def test_unusable_voxel_size(self):
        with pytest.raises(GeometryError, match="expected three positive numbers"):
            self.call(spacing_mm=(4.0, 0.0, 4.0))

    def test_maps_that_are_not_int16(self):
        with pytest.raises(UsageError, match="lesions is float64"):
            self.call(lesions=small_body()[1].astype(float))

    def test_negative_ids(self):
        with pytest.raises(UsageError, match="reference is int16 with least value -1"):
            self.call(reference=small_body()[0] - np.int16(1))

    def test_lesions_outside_the_body(self):
        lesions = small_body()[1]
        lesions[0, 0, 0] = 4
        with pytest.raises(UsageError, match="lesion 4 lies partly outside the body"):
            self.call(lesions=lesions)

    def test_organs_without_a_filler_around_them(self):
        reference = small_body()[0]
        reference[reference == TISSUE_IDS["torso_fat"]] = TISSUE_IDS["aorta"]
        with pytest.raises(UsageError, match="no subcutaneous_fat"):
            self.call(reference=reference)
