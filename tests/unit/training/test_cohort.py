"""Manifests to cohorts: what counts, what is left out and said, and everything wrong in one message."""

from __future__ import annotations

import json
import re
import signal
import warnings
from dataclasses import replace

import numpy as np
import pytest

from orphans import assert_none_outlives, on_linux
from seganypet.errors import ManifestError, SegAnyPETWarning, UsageError
from seganypet.io import ManifestRow, read_volume
from seganypet.training import cache as cache_module
from seganypet.training.cohort import check_cohort, read_cohort
from small_cohorts import LABELS, LAS, SHAPE, organs, row, save, suv_of, tumours, write
from synthetic_dicom import pet_folder


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def names_of(case) -> list[str]:
    return [target.name for target in case.targets]


def test_targets_are_names_of_the_reference_and_instances_of_lesions(tmp_path, cache):
    cohort = read_cohort([write(tmp_path, row(tmp_path, "a"))], "train", cache)
    (case,) = cohort.cases
    assert names_of(case) == ["liver", "kidneys", "kidney_left", "lesion", "lesion"]
    assert [target.voxels for target in case.targets] == [216, 64 + 27, 64, 27, 8]
    assert (case.name, case.manifest, case.hq) == ("a", 0, True)
    np.testing.assert_allclose(cohort.open(0).affine, LAS)


def test_rows_list_their_targets(tmp_path, cache):
    rows = [row(tmp_path, "a", targets=("liver",)), row(tmp_path, "b", targets=("kidneys", "lesion"))]
    a, b = read_cohort([write(tmp_path, *rows)], "train", cache).cases
    assert names_of(a) == ["liver"]
    assert names_of(b) == ["kidneys", "lesion", "lesion"]


def test_names_asked_for_restrict_the_cohort(tmp_path, cache):
    manifest = write(tmp_path, row(tmp_path, "a"))
    cohort = read_cohort([manifest], "train", cache, names=["liver", "lesion"])
    assert names_of(cohort.cases[0]) == ["liver", "lesion", "lesion"]
    assert cohort.summary()["left_out"]["not asked for"] == {"kidneys": 1, "kidney_left": 1}


def test_splits(tmp_path, cache):
    splits = {"a": "train", "b": "val", "c": "test", "d": ""}
    manifest = write(tmp_path, *(row(tmp_path, case, split=split) for case, split in splits.items()))
    assert [case.name for case in read_cohort([manifest], "train", cache).cases] == ["a", "d"]
    assert [case.name for case in read_cohort([manifest], "val", cache).cases] == ["b"]


def test_quality_that_is_not_given_is_high(tmp_path, cache):
    manifest = write(tmp_path, *(row(tmp_path, f"case{q}", quality=q) for q in ("hq", "lq", "")))
    cohort = read_cohort([manifest], "train", cache)
    assert [case.hq for case in cohort.cases] == [True, False, True]
    assert [cohort.open(n).hq for n in range(3)] == [True, False, True]


def test_two_manifests_may_use_the_same_name_and_have_labels_of_their_own(tmp_path, cache):
    one = write(tmp_path / "one", row(tmp_path / "one", "a", seed=1))
    two = write(tmp_path / "two", row(tmp_path / "two", "a", seed=2), labels={"spleen": [1, 2, 3]})
    cohort = read_cohort([one, two], "train", cache)
    assert [(case.name, case.manifest) for case in cohort.cases] == [("a", 0), ("a", 1)]
    assert names_of(cohort.cases[1])[0] == "spleen"
    assert cohort.cases[1].targets[0].voxels == 216 + 64 + 27
    assert not np.array_equal(cohort.open(0).suv, cohort.open(1).suv)


def test_two_manifests_may_share_files(tmp_path, cache):
    case = row(tmp_path, "a", quality="lq")
    one = write(tmp_path / "one", case)
    two = write(tmp_path / "two", replace(case, quality="hq"))
    cohort = read_cohort([one, two], "train", cache)
    assert [(case.manifest, case.hq) for case in cohort.cases] == [(0, False), (1, True)]
    assert len(list(cache.iterdir())) == 1


def test_summary_is_json_with_counts_sizes_and_what_was_left_out(tmp_path, cache):
    rows = [row(tmp_path, "a"), row(tmp_path, "b", quality="lq", targets=("liver", "lesion"))]
    summary = read_cohort([write(tmp_path, *rows)], "train", cache).summary()
    assert json.loads(json.dumps(summary)) == summary
    assert (summary["cases"], summary["hq_cases"], summary["lq_cases"]) == (2, 1, 1)
    assert summary["targets"]["liver"] == {"hq": 1, "lq": 1, "volume_ml": [13.824, 13.824, 13.824]}
    assert summary["targets"]["lesion"] == {"hq": 2, "lq": 2, "volume_ml": [0.512, 1.12, 1.728]}
    assert summary["lesions_by_size"]["0.5 to 2 ml"] == 4
    assert sum(summary["lesions_by_size"].values()) == 4
    assert summary["left_out"]["fewer than 4 voxels"] == {"lesion": 2}


def test_targets_listed_but_absent_are_counted(tmp_path, cache):
    case = row(tmp_path, "a", maps={"reference": organs()}, targets=("liver", "lesion"))
    summary = read_cohort([write(tmp_path, case)], "train", cache).summary()
    assert summary["left_out"]["listed in targets, but not in the label map"] == {"lesion": 1}


def said(manifest, cache, split="train", **options) -> list[str]:
    """Return what is warned of when a cohort is read."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read_cohort([manifest], split, cache, **options)
    return [str(warning.message) for warning in caught]


def test_names_asked_for_that_no_case_holds_are_told_once(tmp_path, cache):
    labels = {**LABELS, "heart": [8], "spleen": [9]}
    manifest = write(tmp_path, row(tmp_path, "a"), row(tmp_path, "b", seed=1), labels=labels)
    names = ["liver", "heart", "spleen"]
    (warning,) = said(manifest, cache, names=names)
    assert warning.startswith("no case of split 'train' holds 'heart', 'spleen': left out; check targets")
    summary = read_cohort([manifest], "train", cache, names=names).summary()
    assert summary["left_out"]["in no case"] == {"heart": 2, "spleen": 2}


def test_names_that_rows_list_and_no_case_holds_are_told_once(tmp_path, cache):
    only_organs = {"maps": {"reference": organs()}, "targets": ("liver", "lesion")}
    manifest = write(tmp_path, *(row(tmp_path, case, **only_organs) for case in ("a", "b")))
    (warning,) = said(manifest, cache)
    assert "no case of split 'train' holds 'lesion'" in warning


def test_names_that_one_case_holds_are_no_matter(tmp_path, cache):
    some = row(tmp_path, "a", maps={"reference": organs()}, targets=("liver", "lesion"))
    manifest = write(tmp_path, some, row(tmp_path, "b", maps={"lesions": tumours()}, targets=("lesion",)))
    assert said(manifest, cache) == []
    assert read_cohort([manifest], "train", cache).summary()["left_out"]["in no case"] == {}


def test_images_to_validate_on_that_are_trained_on_are_told_once(tmp_path, cache):
    """By what they show: the files and their labels may be others."""
    copied = {"seed": 1, "maps": {"lesions": tumours()}, "split": "val"}
    rows = [row(tmp_path, "a", seed=1), row(tmp_path, "b", seed=2), row(tmp_path, "c", **copied)]
    rows += [row(tmp_path, "d", seed=2, split="val"), row(tmp_path, "e", seed=3, split="val")]
    manifest = write(tmp_path, *rows)
    assert said(manifest, cache) == []
    (warning,) = said(manifest, cache, "val")
    assert (
        "cases of split 'val' have an image that is trained on: 'c' that of 'a', 'd' that of 'b';" in warning
    )


def test_images_that_are_alike_in_the_middle_are_still_others(tmp_path, cache):
    case, suv = row(tmp_path, "b", seed=1, split="val"), suv_of(1)
    suv[0, 0, 0] = 4
    save(suv, case.image)
    manifest = write(tmp_path, row(tmp_path, "a", seed=1), case)
    assert said(manifest, cache) == []
    assert said(manifest, cache, "val") == []


def test_cases_without_a_target_are_left_out_with_a_warning(tmp_path, cache):
    empty = row(tmp_path, "empty", maps={"reference": np.zeros(SHAPE, np.int16)})
    manifest = write(tmp_path, empty, row(tmp_path, "nothing", maps={}), row(tmp_path, "a"))
    with pytest.warns(SegAnyPETWarning) as caught:
        cohort = read_cohort([manifest], "train", cache)
    assert [case.name for case in cohort.cases] == ["a"]
    assert sum("has no target: left out" in str(w.message) for w in caught) == 2
    assert "'empty': has no target: left out (its label maps are all zero)" in str(caught[0].message)
    assert "(neither reference nor lesions are given)" in str(caught[1].message)
    assert cohort.summary()["left_out"]["cases without a target"] == {"cases": 2}


def test_ids_without_a_name_are_ignored_with_a_warning_that_names_them(tmp_path, cache):
    reference = organs()
    reference[0, 10:15, 0], reference[1, 10:15, 0] = 9, 12
    rows = [row(tmp_path, case, maps={"reference": reference}) for case in ("a", "b")]
    manifest = write(tmp_path, *rows)
    for _ in range(2):  # from the cache too
        with pytest.warns(
            SegAnyPETWarning,
            match=r"no name for id 9, 12 in the reference of 2 cases: ignored \('a', 'b'\)",
        ):
            cohort = read_cohort([manifest], "train", cache)
    assert names_of(cohort.cases[0]) == ["liver", "kidneys", "kidney_left"]
    assert cohort.summary()["left_out"]["ids without a name in labels.json"] == {"9": 2, "12": 2}


def test_notes_of_the_reader_are_passed_on(tmp_path, cache):
    case = row(tmp_path, "a")
    negative = np.linspace(-0.5, 5, int(np.prod(SHAPE)), dtype=np.float32).reshape(SHAPE)
    save(negative, case.image)
    for _ in range(2):
        with pytest.warns(SegAnyPETWarning, match="negative SUV"):
            read_cohort([write(tmp_path, case)], "train", cache)


def test_an_image_may_be_a_dicom_folder(tmp_path, cache):
    folder = pet_folder(tmp_path / "a" / "pet")
    volume = read_volume(folder)
    reference = np.zeros(volume.shape, np.uint8)
    reference[:2, :2, :2] = 1
    save(reference, tmp_path / "a" / "reference.nii.gz", volume.affine)
    manifest = write(
        tmp_path, ManifestRow(case="a", image=folder, reference=tmp_path / "a" / "reference.nii.gz")
    )
    case = read_cohort([manifest], "train", cache).open(0)
    np.testing.assert_allclose(case.suv, volume.array, rtol=1e-3)
    np.testing.assert_allclose(case.affine, volume.affine)
    assert names_of(case) == ["liver"]


def test_a_clean_cohort_warns_of_nothing(tmp_path, cache):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_cohort([write(tmp_path, row(tmp_path, "a"))], "train", cache)


def refused(manifest, cache, **options) -> str:
    with pytest.raises(ManifestError) as caught:
        read_cohort([manifest], "train", cache, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_refuses_an_image_that_cannot_be_read(tmp_path, cache):
    case = row(tmp_path, "a")
    case.image.write_bytes(b"no image")
    message = refused(write(tmp_path, case), cache)
    assert "case 'a': image: " in message
    assert "pet.nii.gz: empty, truncated or no NIfTI" in message


def test_refuses_an_image_that_is_no_suv(tmp_path, cache):
    case = row(tmp_path, "a")
    save(np.full(SHAPE, 3, np.float32), case.image)
    message = refused(write(tmp_path, case), cache)
    assert "every voxel is 3" in message
    assert "seganypet suv" not in message


def test_an_image_in_bq_ml_is_refused_with_what_a_training_can_do_about_it(tmp_path, cache):
    case = row(tmp_path, "a")
    save(2000 * suv_of(0), case.image)
    message = refused(write(tmp_path, case), cache)
    assert "case 'a': image: " in message
    assert "look like Bq/ml" in message
    assert "or a BIDS sidecar pet.json" in message
    assert message.endswith(
        "; training has no such options, seganypet suv has them: convert the scan with it and name the result in the "
        "manifest"
    )


@pytest.mark.parametrize("column", ["reference", "lesions", "clean_reference"])
def test_refuses_a_map_of_another_shape(tmp_path, cache, column):
    maps = {"reference": organs(), column: np.ones((24, 20, 15), np.uint8)}
    message = refused(write(tmp_path, row(tmp_path, "a", maps=maps)), cache)
    assert f"{column}: " in message
    assert "shape (24, 20, 15), but the image has (24, 20, 16)" in message


def test_refuses_a_map_that_lies_elsewhere(tmp_path, cache):
    case, moved = row(tmp_path, "a"), LAS.copy()
    moved[2, 3] += 3
    save(organs(), case.reference, moved)
    assert "places voxels up to 3 mm from the image's" in refused(write(tmp_path, case), cache)


@pytest.mark.parametrize(
    ("value", "text"), [(-1, "values from -1 to"), (2.5, "value 2.5 is no whole number"), (70000, "to 70000")]
)
def test_refuses_values_that_are_no_ids(tmp_path, cache, value, text):
    reference = organs().astype(np.float32)
    reference[5, 5, 5] = value
    assert text in refused(write(tmp_path, row(tmp_path, "a", maps={"reference": reference})), cache)


def test_refuses_names_that_are_unknown(tmp_path, cache):
    manifest = write(tmp_path, row(tmp_path, "a", targets=("livre",)))
    assert "case 'a': target 'livre' is not in its labels.json" in refused(manifest, cache)
    manifest = write(tmp_path, row(tmp_path, "a"))
    assert "target 'livre': no labels.json has it" in refused(manifest, cache, names=["livre"])


def test_refuses_an_organ_called_lesion(tmp_path, cache):
    manifest = write(tmp_path, row(tmp_path, "a"), labels={**LABELS, "lesion": [8]})
    assert "'lesion', which stands for `lesions`" in refused(manifest, cache)


def test_refuses_a_manifest_without_labels(tmp_path, cache):
    manifest = write(tmp_path, row(tmp_path, "a"))
    (tmp_path / "labels.json").unlink()
    assert "labels.json: is not there" in refused(manifest, cache)


def test_refuses_a_split_without_cases(tmp_path, cache):
    manifest = write(tmp_path, row(tmp_path, "a", split="test"))
    assert "no case of split 'train'" in refused(manifest, cache)


SMALL = np.zeros(SHAPE, np.uint8)
SMALL[0, 0, :3] = 1


@pytest.mark.parametrize(
    ("maps", "options", "why"),
    [
        ({}, {}, "neither reference nor lesions are given"),
        ({"reference": 0 * SMALL, "lesions": 0 * SMALL}, {}, "its label maps are all zero"),
        ({"lesions": SMALL}, {}, "it has only lesion of fewer than 4 voxels"),
        ({"reference": 7 * SMALL}, {}, "labels.json has no name for id 7"),
        ({"lesions": tumours()}, {"names": ["liver"]}, "it has only lesion, lesion of fewer than 4 voxels"),
    ],
)
def test_refuses_a_cohort_without_a_target_and_says_why_of_each_case(tmp_path, cache, maps, options, why):
    manifest = write(tmp_path, row(tmp_path, "a", maps=maps))
    message = refused(manifest, cache, **options)
    assert f"no case of split 'train' has a target of 4 voxels or more: 'a' ({why}); check" in message


def test_refuses_a_cohort_without_the_targets_of_its_rows(tmp_path, cache):
    manifest = write(tmp_path, row(tmp_path, "a", maps={"reference": organs()}, targets=("lesion",)))
    assert "'a' (its label maps hold none of the row's targets); check" in refused(manifest, cache)


def test_of_many_cases_without_a_target_the_first_ten_are_named(tmp_path, cache):
    manifest = write(tmp_path, *(row(tmp_path, f"case{n}", maps={}) for n in range(12)))
    message = refused(manifest, cache)
    assert message.count("'case") == 10
    assert " and 2 more; check" in message


def test_refuses_a_manifest_given_twice(tmp_path, cache):
    manifest = write(tmp_path, row(tmp_path, "a"))
    with pytest.raises(ManifestError, match="given twice"):
        read_cohort([manifest, manifest], "train", cache)


@pytest.mark.parametrize(
    ("split", "count", "jobs", "text"),
    [
        ("test", 1, 1, "'test'"),
        ("train", 0, 1, "no manifest; give one or more"),
        ("val", 1, 0, "jobs is 0; expected 1 or more"),
    ],
)
def test_refuses_arguments_that_make_no_sense(tmp_path, cache, split, count, jobs, text):
    with pytest.raises(UsageError, match=text):
        read_cohort([tmp_path / "m.csv"] * count, split, cache, jobs=jobs)


@pytest.mark.parametrize(
    ("cells", "names", "text"),
    [
        ({"targets": ("livre",)}, [], "target 'livre' is not in its labels.json"),
        ({}, ["livre"], "target 'livre': no labels.json has it"),
        ({"split": "val"}, [], "no case of split 'train'"),
        ({"lesions": "gone.nii.gz"}, [], "gone.nii.gz' is not there"),
    ],
)
def test_what_can_be_told_without_images_is_told_before_any_is_read(
    tmp_path, cache, monkeypatch, cells, names, text
):
    """Reading them can take hours."""
    monkeypatch.setattr(cache_module, "read_images", lambda row: pytest.fail("an image was read"))
    rows = (row(tmp_path, "a", split=cells.get("split", "train")), replace(row(tmp_path, "b"), **cells))
    manifest = write(tmp_path, *rows)
    assert text in refused(manifest, cache, names=names)
    with pytest.raises(ManifestError, match=re.escape(text)):
        check_cohort([manifest], "train", cache, names=names)
    assert not cache.exists()


def test_checking_reads_and_writes_nothing(tmp_path, cache, monkeypatch):
    monkeypatch.setattr(cache_module, "read_images", lambda row: pytest.fail("an image was read"))
    check_cohort([write(tmp_path, row(tmp_path, "a"))], "train", cache, names=["liver"])
    assert not cache.exists()


# A script, which its own processes import: they begin to read, say so and go on for long.
READING = """
import os, sys, time
from pathlib import Path
from seganypet.training import cache, cohort

def read_images(row):
    Path(sys.argv[2], f"{row.case}.pid").write_text(str(os.getpid()))
    time.sleep(60)

cache.read_images = read_images
if __name__ == "__main__":
    cohort.read_cohort([Path(sys.argv[1])], "train", Path(sys.argv[2], "cache"), jobs=2)
"""


@on_linux
def test_processes_that_read_end_with_the_training(tmp_path):
    manifest, script = write(tmp_path, row(tmp_path, "a"), row(tmp_path, "b")), tmp_path / "script.py"
    script.write_text(READING)
    pids = [tmp_path / "a.pid", tmp_path / "b.pid"]
    assert_none_outlives(script, [manifest, tmp_path], pids, signal.SIGTERM)


def test_all_problems_come_in_one_message_the_first_ten_in_full(tmp_path, cache):
    bad = {"reference": organs()[:-1], "lesions": tumours() - 1}
    manifest = write(tmp_path, *(row(tmp_path, f"case{n}", maps=bad) for n in range(6)))
    message = refused(manifest, cache)
    assert message.startswith("12 problems: ")
    assert message.endswith("; and 2 more")
    assert message.count("case 'case") == 10
    assert message.index("case0") < message.index("case1") < message.index("case4")
    assert not list(cache.glob("*")) if cache.exists() else True
