"""Cohorts on disk: whole cases, the same bytes however the work went, and a manifest that can be used."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest

from seganypet.errors import GeometryError, ImageReadError, OutputError, UsageError
from seganypet.io import read_volume
from seganypet.io.manifest import read_labels, read_manifest
from seganypet.phantom import TISSUE_IDS, PhantomCase, PhantomConfig, Uptake, label_groups
from seganypet.phantom.cohort import (
    CohortConfig,
    cases,
    names_path,
    read_anatomy,
    read_tissue_table,
    simulate_cohort,
)
from seganypet.phantom.cohort.dicom import body_weight_kg, write_dicom
from seganypet.phantom.lesions.plan import Blob, LesionPlan
from seganypet.phantom.scanner.protocols import Examination
from seganypet.targets import ORGANS
from seganypet.volume import Source, Volume

CONFIG = CohortConfig(cases=3, seed=7)
SHAPE = (12, 10, 14)


def tiny_case(seed, config, anatomy=None) -> PhantomCase:
    """Stand in for a simulation: a block of muscle with a liver and two lesions, and noise of the seed."""
    rng = np.random.default_rng(seed)
    reference = np.zeros(SHAPE, dtype=np.int16)
    reference[1:11, 1:9, 1:13] = TISSUE_IDS["skeletal_muscle"]
    reference[6:11, 2:8, 4:9] = TISSUE_IDS["liver"]
    lesions = np.zeros(SHAPE, dtype=np.int16)
    lesions[7:9, 3:5, 5:7], lesions[3, 3, 10] = 1, 2
    suv = ((reference > 0) + 5.0 * (lesions > 0) + rng.uniform(0, 0.1, SHAPE)).astype(np.float32)
    suv[7, 3, 5] = 9.0
    affine = np.diag([-4.0, -4.0, 5.0, 1.0])
    affine[:3, 3] = (20.0, 18.0, 100.0)
    plans = (
        LesionPlan(
            center_ijk=(7.5, 3.5, 5.5),
            blobs=(Blob(volume_ml=0.6),),
            suv=6.0,
            background_suv=2.0,
            host="liver",
            kind="metastasis",
        ),
        LesionPlan(
            center_ijk=(3, 3, 10),
            blobs=(Blob(volume_ml=0.1),),
            suv=3.0,
            background_suv=1.0,
            host="skeletal_muscle",
            kind="node",
        ),
    )
    return PhantomCase(
        volume=Volume(suv, affine, source=Source(record={"seed": seed})),
        activity=suv,
        reference=reference,
        lesions=lesions,
        labels=label_groups(),
        tissue_uptake=Uptake(
            tracer=config.tracer if config.tracer != "mixed" else "psma",
            suv={"liver": 2.0},
            unevenness={"liver": (0.1, 0.1)},
            variants=("brown_fat",),
        ),
        preset="random",
        plans=plans,
        examination=Examination(
            scanner="philips_gemini_tf",
            spacing_mm=(4.0, 4.0, 5.0),
            orientation="LPS",
            psf_fwhm_mm=(5.0, 5.0, 5.0),
            noise=0.1,
            noise_fwhm_mm=(4.0, 4.0, 4.0),
        ),
    )


@pytest.fixture(autouse=True)
def simulated(monkeypatch):
    """Replace simulation and picture by quick ones; return the seeds that were simulated."""
    seeds = []

    def simulate(seed, config, anatomy=None):
        seeds.append(seed)
        return tiny_case(seed, config, anatomy)

    monkeypatch.setattr(cases, "simulate_case", simulate)
    monkeypatch.setattr(cases, "save_preview", lambda *maps, title: maps[4].write_text(title))
    return seeds


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def array(path: Path) -> np.ndarray:
    return np.asarray(nib.load(path).dataobj)


def test_a_case_holds_scan_labels_record_and_picture(tmp_path):
    rows = simulate_cohort(tmp_path / "cohort", CONFIG)
    assert rows == read_manifest(tmp_path / "cohort" / "manifest.csv")
    folder = tmp_path / "cohort" / "case_000001"
    assert {path.name for path in folder.iterdir()} == {
        "pet.nii.gz",
        "reference.nii.gz",
        "lesions.nii.gz",
        "case.json",
        "preview.png",
    }
    truth = tiny_case(CONFIG.seed_of(1), CONFIG.phantom)
    volume = read_volume(folder / "pet.nii.gz")
    np.testing.assert_array_equal(volume.array, truth.volume.array)
    np.testing.assert_allclose(volume.affine, truth.volume.affine, atol=1e-4)
    np.testing.assert_array_equal(array(folder / "reference.nii.gz"), truth.reference)
    np.testing.assert_array_equal(array(folder / "lesions.nii.gz"), truth.lesions)
    first = rows[0]
    assert (first.case, first.quality, first.tracer, first.centre) == (
        "case_000001",
        "hq",
        "fdg",
        "philips_gemini_tf",
    )
    assert first.clean_reference is None


def test_labels_name_the_ids_of_the_reference(tmp_path):
    simulate_cohort(tmp_path / "cohort", CONFIG)
    labels = read_labels(tmp_path / "cohort" / "manifest.csv")
    assert len(set(labels) & set(ORGANS)) >= 20
    (liver,) = labels["liver"]
    assert np.count_nonzero(array(tmp_path / "cohort" / "case_000002" / "reference.nii.gz") == liver) == 150


def test_the_record_measures_the_lesions(tmp_path):
    simulate_cohort(tmp_path / "cohort", CONFIG)
    record = json.loads((tmp_path / "cohort" / "case_000001" / "case.json").read_text())
    assert record["seed"] == CONFIG.seed_of(1)
    assert record["variants"] == ["brown_fat"]
    assert record["examination"]["psf_fwhm_mm"] == [5, 5, 5]
    first, second = record["lesions"]
    # 2 × 2 × 2 voxels of 4 × 4 × 5 mm; centre 7.5, 3.5, 5.5.
    assert (first["kind"], first["host"], first["suv"]) == ("metastasis", "liver", 6.0)
    assert first["volume_ml"] == pytest.approx(0.64)
    assert first["centre_xyz_mm"] == [-10, 4, 127.5]
    assert first["suv_max"] == 9
    assert (second["id"], second["kind"], second["volume_ml"]) == (2, "node", pytest.approx(0.08))


def test_the_same_seed_gives_the_same_bytes_and_another_other_scans(tmp_path):
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        simulate_cohort(tmp_path / name, replace(CONFIG, seed=seed, dicom=True, labels="both"))
    a, b, c = (content(tmp_path / name) for name in "abc")
    assert a == b
    scans = [name for name in a if name.endswith(("pet.nii.gz", ".dcm"))]
    assert len(scans) == 3 + 3 * SHAPE[2]
    assert all(a[name] != c[name] for name in scans)


def test_cases_differ_and_no_two_cohorts_share_seeds():
    seeds = {replace(CONFIG, seed=seed).seed_of(number) for seed in range(20) for number in range(1, 51)}
    assert len(seeds) == 1000
    assert max(seeds) < 2**53


@pytest.mark.parametrize("at", [1, 2, 3])
def test_an_interrupted_run_goes_on_to_the_same_bytes(tmp_path, monkeypatch, simulated, at):
    simulate_cohort(tmp_path / "whole", CONFIG)
    write = cases.write_json

    def interrupt(value, path):
        if value["case"] == f"case_{at:06d}":
            raise KeyboardInterrupt
        write(value, path)

    monkeypatch.setattr(cases, "write_json", interrupt)  # all else of this case has been written
    with pytest.raises(KeyboardInterrupt):
        simulate_cohort(tmp_path / "resumed", CONFIG)
    left = {path.name for path in (tmp_path / "resumed").iterdir()} if at > 1 else set()
    assert left == ({"cohort.json", *(f"case_{n:06d}" for n in range(1, at))} if at > 1 else set())
    monkeypatch.setattr(cases, "write_json", write)
    simulated.clear()
    simulate_cohort(tmp_path / "resumed", CONFIG)
    assert simulated == [CONFIG.seed_of(number) for number in range(at, 4)]
    assert content(tmp_path / "resumed") == content(tmp_path / "whole")


def test_what_a_killed_run_left_is_removed(tmp_path):
    simulate_cohort(tmp_path / "whole", CONFIG)
    simulate_cohort(tmp_path / "resumed", replace(CONFIG, cases=1))
    (tmp_path / "resumed" / ".case_000002.partial").mkdir()
    (tmp_path / "resumed" / ".case_000002.partial" / "pet.nii.gz").write_bytes(b"half")
    simulate_cohort(tmp_path / "resumed", CONFIG)
    assert content(tmp_path / "resumed") == content(tmp_path / "whole")


def test_a_case_that_another_process_has_finished_meanwhile_is_kept(tmp_path, monkeypatch):
    simulate_cohort(tmp_path / "whole", CONFIG)
    save = cases.save_preview

    def overtaken(*maps, title):
        save(*maps, title=title)
        source = tmp_path / "whole" / "case_000002"
        if title.startswith("case_000002"):
            shutil.copytree(source, tmp_path / "cohort" / "case_000002")

    monkeypatch.setattr(cases, "save_preview", overtaken)
    simulate_cohort(tmp_path / "cohort", CONFIG)
    assert content(tmp_path / "cohort") == content(tmp_path / "whole")


def test_a_cohort_grows_and_keeps_its_cases(tmp_path, simulated):
    simulate_cohort(tmp_path / "whole", CONFIG)
    simulate_cohort(tmp_path / "grown", replace(CONFIG, cases=2))
    simulated.clear()
    calls = []
    simulate_cohort(tmp_path / "grown", CONFIG, on_case=lambda done, of: calls.append((done, of)))
    assert simulated == [CONFIG.seed_of(3)]
    assert calls == [(2, 3), (3, 3)]
    assert content(tmp_path / "grown") == content(tmp_path / "whole")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"seed": 8}, "whose seed is 7, not 8"),
        ({"cases": 2}, "whose cases is 3, not 2"),
        ({"labels": "lq"}, "whose labels is hq, not lq"),
        ({"split": (1.0, 0.0, 0.0)}, r"whose split is \[0.8, 0.1, 0.1\], not \[1.0, 0.0, 0.0\]"),
        ({"phantom": PhantomConfig(as_written=True, tracer="psma")}, "whose phantom.tracer is fdg, not psma"),
    ],
)
def test_refuses_to_go_on_with_other_settings(tmp_path, changed, message):
    simulate_cohort(tmp_path / "cohort", CONFIG)
    before = content(tmp_path)
    with pytest.raises(UsageError, match=message):
        simulate_cohort(tmp_path / "cohort", replace(CONFIG, **changed))
    assert content(tmp_path) == before


def test_refuses_a_folder_of_other_things(tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(OutputError, match="is there already and not empty"):
        simulate_cohort(tmp_path, CONFIG)
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


def test_refuses_damaged_settings(tmp_path):
    (tmp_path / "cohort.json").write_text("{")
    with pytest.raises(ImageReadError, match=r"cohort\.json: cannot be read"):
        simulate_cohort(tmp_path, CONFIG)


def test_refuses_a_case_that_lost_a_file(tmp_path):
    simulate_cohort(tmp_path / "cohort", CONFIG)
    (tmp_path / "cohort" / "case_000002" / "lesions.nii.gz").unlink()
    with pytest.raises(ImageReadError, match=r"lesions\.nii\.gz: is missing; remove .*case_000002"):
        simulate_cohort(tmp_path / "cohort", CONFIG)


def test_refuses_a_case_that_lost_its_record(tmp_path):
    simulate_cohort(tmp_path / "cohort", CONFIG)
    (tmp_path / "cohort" / "case_000002" / "case.json").write_text("[]")
    with pytest.raises(ImageReadError, match=r"case\.json: cannot be read .*remove .*case_000002"):
        simulate_cohort(tmp_path / "cohort", CONFIG)


@pytest.mark.parametrize("labels", ["lq", "both"])
def test_labels_of_low_quality_have_the_truth_behind_them(tmp_path, labels):
    config = replace(CONFIG, labels=labels, label_noise="severe")
    rows = simulate_cohort(tmp_path / "cohort", config)
    noisy = [row for row in rows if row.quality == "lq"]
    assert [row.case for row in rows] == (
        [f"case_{n:06d}" for n in (1, 2, 3)]
        if labels == "lq"
        else [f"case_{n:06d}{suffix}" for n in (1, 2, 3) for suffix in ("", "_lq")]
    )
    truth = tiny_case(0, CONFIG.phantom)
    for row in noisy:
        np.testing.assert_array_equal(array(row.clean_reference), truth.reference)
        np.testing.assert_array_equal(array(row.image.with_name("clean_lesions.nii.gz")), truth.lesions)
    assert any((array(row.reference) != truth.reference).any() for row in noisy)
    for row in set(rows) - set(noisy):
        np.testing.assert_array_equal(array(row.reference), truth.reference)
        np.testing.assert_array_equal(array(row.lesions), truth.lesions)
        assert row.clean_reference is None
    record = json.loads((tmp_path / "cohort" / "case_000001" / "case.json").read_text())
    assert record["files"]["clean_lesions"] == "clean_lesions.nii.gz"
    errors = {error["target"]: error for error in record["label_errors"]}
    assert {"liver", "lesion_1", "lesion_2", "lesions"} <= set(errors)
    drawn = array(tmp_path / "cohort" / "case_000001" / "reference.nii.gz") == TISSUE_IDS["liver"]
    true = truth.reference == TISSUE_IDS["liver"]
    assert errors["liver"]["dice"] == pytest.approx(2 * (drawn & true).sum() / (drawn.sum() + true.sum()))


def test_dicom_holds_the_same_suv_at_the_same_places(tmp_path):
    simulate_cohort(
        tmp_path / "cohort",
        replace(CONFIG, cases=1, dicom=True, phantom=PhantomConfig(as_written=True, tracer="psma")),
    )
    folder = tmp_path / "cohort" / "case_000001"
    image, series = read_volume(folder / "pet.nii.gz"), read_volume(folder / "dicom")
    assert series.has_grid_of(image)  # this scanner writes to the left, to the back, upwards
    step = image.array.max(axis=(0, 1)) / 32767
    assert (np.abs(series.array - image.array) <= 0.51 * step).all()
    record = json.loads((folder / "case.json").read_text())["dicom"]
    assert (record["radionuclide"], record["half_life_s"]) == ("Ga-68", 4057.7)


@pytest.mark.parametrize(("organ", "sex"), [("prostate", "M"), ("uterus", "F"), ("liver", "")])
def test_the_made_up_patient_has_the_sex_of_the_organs(tmp_path, organ, sex):
    reference = tiny_case(0, CONFIG.phantom).reference.copy()
    reference[2, 2, 2] = TISSUE_IDS[organ]
    case = replace(tiny_case(0, CONFIG.phantom), reference=reference)
    write_dicom(case, "case_000001", 7, tmp_path / "dicom")
    data = pydicom.dcmread(tmp_path / "dicom" / "00001.dcm")
    assert data.PatientSex == sex
    assert str(data.PatientName) == "Simulated^case_000001"
    assert data.PatientID == "SIMULATED-7-case_000001"
    assert data.ManufacturerModelName == "simulated philips_gemini_tf"


def test_body_weight_is_that_of_the_tissue_that_is_shown():
    case = tiny_case(0, CONFIG.phantom)
    assert body_weight_kg(case) == 40  # 77 ml of tissue are no body
    reference = np.full((50, 50, 30), TISSUE_IDS["skeletal_muscle"], dtype=np.int16)
    reference[:, :, :10] = TISSUE_IDS["lung_upper_lobe_left"]
    volume = Volume(np.random.default_rng(0).uniform(0, 1, reference.shape), np.diag([10.0, 10.0, 10.0, 1.0]))
    large = replace(case, reference=reference, volume=volume)
    # 50 l of muscle and 25 l of lung at 0.3 g/ml are 57.5 kg, of a body three quarters of which are shown.
    assert body_weight_kg(large) == pytest.approx(76.7, abs=0.05)
    reference[0, 0, 20] = TISSUE_IDS["tibia_left"]
    assert body_weight_kg(large) == pytest.approx(57.5, abs=0.05)


@pytest.mark.parametrize(
    ("split", "cases", "counts"),
    [
        ((0.8, 0.1, 0.1), 10, (8, 1, 1)),
        ((0.8, 0.1, 0.1), 100, (80, 10, 10)),
        ((0.5, 0.25, 0.25), 8, (4, 2, 2)),
        ((0.0, 0.0, 1.0), 3, (0, 0, 3)),
        ((0.7, 0.15, 0.15), 1, (1, 0, 0)),
    ],
)
def test_splits_keep_their_shares(split, cases, counts):
    splits = replace(CONFIG, split=split, cases=cases).splits()
    assert tuple(splits.count(name) for name in ("train", "val", "test")) == counts
    longer = replace(CONFIG, split=split, cases=cases + 7).splits()
    assert longer[:cases] == splits


def test_bodies_are_drawn_from_the_label_maps(tmp_path):
    paths = (tmp_path / "a.nii.gz", tmp_path / "b.nii.gz")
    config = replace(CONFIG, cases=40, anatomies=paths)
    drawn = [config.anatomy_of(number) for number in range(1, 41)]
    assert 8 < drawn.count(paths[0]) < 32
    assert drawn == [config.anatomy_of(number) for number in range(1, 41)]
    assert CONFIG.anatomy_of(1) is None


def label_map(folder, name="body.nii.gz", names='{"5": "liver"}') -> Path:
    """Write a label map of a liver with its names."""
    ids = np.zeros((30, 24, 24), dtype=np.int16)
    ids[6:20, 6:18, 6:18] = 5
    nib.save(nib.Nifti1Image(ids, np.diag([6.0, 6.0, 6.0, 1.0])), folder / name)
    (folder / "body.json").write_text(names)
    return folder / name


def test_a_label_map_becomes_a_body_of_the_seed(tmp_path):
    path = label_map(tmp_path)
    one, same, other = (read_anatomy(path, seed, spacing_mm=(8, 8, 6)) for seed in (1, 1, 2))
    assert one.spacing_mm == (8, 8, 6)
    np.testing.assert_array_equal(one.label_map, same.label_map)
    assert one.label_map.shape != other.label_map.shape or (one.label_map != other.label_map).any()
    assert one.mask("liver").any()


def test_the_body_of_a_case_is_on_record_and_part_of_the_settings(tmp_path):
    path = label_map(tmp_path)
    config = replace(CONFIG, cases=1, anatomies=(path,))
    simulate_cohort(tmp_path / "cohort", config)
    record = json.loads((tmp_path / "cohort" / "case_000001" / "case.json").read_text())
    assert record["body"] == "body.nii.gz"
    (tmp_path / "body.json").write_text('{"5": "spleen"}')
    with pytest.raises(UsageError, match="whose anatomies is"):
        simulate_cohort(tmp_path / "cohort", config)


def test_without_a_voxel_size_a_given_body_has_that_of_its_scanner(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        cases,
        "simulate_case",
        lambda seed, config, body: seen.append((config, body)) or tiny_case(seed, config),
    )
    phantom = PhantomConfig(as_written=True, spacing_mm=None, scanner="philips_gemini_tf")
    config = replace(CONFIG, cases=1, anatomies=(label_map(tmp_path),), phantom=phantom)
    simulate_cohort(tmp_path / "cohort", config)
    ((used, body),) = seen
    assert body.spacing_mm == (4.0, 4.0, 4.0)
    assert (used.scanner, used.spacing_mm) == ("philips_gemini_tf", (4.0, 4.0, 4.0))


@pytest.mark.parametrize("names", ["[]", "{", '{"a": "liver"}'])
def test_refuses_names_of_another_form_and_writes_nothing(tmp_path, names):
    path = label_map(tmp_path, names=names)
    with pytest.raises(ImageReadError, match=r"body\.json: cannot be read as names"):
        simulate_cohort(tmp_path / "cohort", replace(CONFIG, anatomies=(path,)))
    assert not (tmp_path / "cohort").exists()


def test_refuses_a_label_map_with_ids_without_names(tmp_path):
    path = label_map(tmp_path, names='{"4": "liver"}')
    with pytest.raises(UsageError, match=r"body\.nii\.gz: label map holds ids \[5\] without a name"):
        simulate_cohort(tmp_path / "cohort", replace(CONFIG, anatomies=(path,)))
    assert not (tmp_path / "cohort").exists()


def test_refuses_no_processes(tmp_path):
    with pytest.raises(UsageError, match="jobs is 0"):
        simulate_cohort(tmp_path / "cohort", CONFIG, jobs=0)
    assert list(tmp_path.iterdir()) == []


def test_refuses_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        simulate_cohort(tmp_path / "file" / "cohort", CONFIG)


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"cases": 0}, UsageError, "cases is 0"),
        ({"seed": -1}, UsageError, "seed is -1"),
        ({"labels": "good"}, UsageError, "labels is 'good'; expected one of hq, lq, both"),
        ({"label_noise": "wild"}, UsageError, "label_noise is 'wild'; expected one of mild, typical, severe"),
        ({"split": (0.5, 0.5)}, UsageError, "three shares"),
        ({"split": (1.5, -0.5, 0.0)}, UsageError, "three shares"),
        ({"split": (0.5, 0.2, 0.2)}, UsageError, "adds up to 0.9; expected 1"),
        ({"phantom": PhantomConfig(spacing_mm=(13.0, 4.0, 4.0))}, GeometryError, "spacing_mm"),
    ],
)
def test_a_cohort_refuses_settings_that_make_no_sense(changed, error, message):
    with pytest.raises(error, match=message):
        replace(CONFIG, **changed)


def test_a_table_of_ones_own_names_the_labels(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        cases, "simulate_case", lambda seed, config, body: seen.append(body) or tiny_case(seed, config)
    )
    path = label_map(tmp_path, names='{"5": "Leber"}')
    (tmp_path / "table.json").write_text('{"Leber": "spleen"}')
    table = read_tissue_table(tmp_path / "table.json")
    simulate_cohort(tmp_path / "cohort", replace(CONFIG, cases=1, anatomies=(path,), tissues=table))
    assert seen[0].mask("spleen").any()
    assert not seen[0].mask("liver").any()


@pytest.mark.parametrize("text", ["", "[]", '{"Leber": 5}'])
def test_refuses_what_is_no_table(tmp_path, text):
    (tmp_path / "table.json").write_text(text)
    with pytest.raises(ImageReadError, match=r"table\.json.*label name: tissue name"):
        read_tissue_table(tmp_path / "table.json")


def test_refuses_a_table_without_label_maps():
    with pytest.raises(UsageError, match="give anatomies as well"):
        replace(CONFIG, tissues={"Leber": "liver"})


@pytest.mark.parametrize("change", [65536, 0.4, -6])
def test_refuses_a_label_map_of_values_that_are_no_ids(tmp_path, change):
    path = label_map(tmp_path)
    image = nib.load(path)
    values = np.asarray(image.dataobj).astype(np.float64) + change
    nib.save(nib.Nifti1Image(values, image.affine), path)
    with pytest.raises(UsageError, match=r"body\.nii\.gz: holds values from"):
        read_anatomy(path, 1)


def test_names_lie_beside_a_map_whose_name_has_dots(tmp_path):
    assert names_path(tmp_path / "body.v2.nii.gz") == tmp_path / "body.v2.json"


def test_cases_have_label_errors_of_their_own(tmp_path):
    simulate_cohort(tmp_path / "cohort", replace(CONFIG, cases=2, labels="lq"))
    errors = [
        json.loads((tmp_path / "cohort" / f"case_{n:06d}" / "case.json").read_text())["label_errors"]
        for n in (1, 2)
    ]
    assert errors[0] != errors[1]


def test_what_another_running_process_writes_stays(tmp_path):
    simulate_cohort(tmp_path / "cohort", replace(CONFIG, cases=1))
    live = tmp_path / "cohort" / f".case_000002.{os.getpid()}.abc.partial"
    dead = tmp_path / "cohort" / ".case_000002.999999999.abc.partial"
    for place in (live, dead):
        place.mkdir()
    simulate_cohort(tmp_path / "cohort", replace(CONFIG, cases=2))
    assert live.exists()
    assert not dead.exists()


@pytest.mark.parametrize("text", ["[]", "3", "{"])
def test_refuses_settings_of_another_form(tmp_path, text):
    simulate_cohort(tmp_path / "cohort", replace(CONFIG, cases=1))
    (tmp_path / "cohort" / "cohort.json").write_text(text)
    with pytest.raises((ImageReadError, UsageError), match="cohort"):
        simulate_cohort(tmp_path / "cohort", replace(CONFIG, cases=1))


@pytest.mark.parametrize("text", ['{"files": []}', '{"files": {}}', "[]"])
def test_refuses_damaged_records(tmp_path, text):
    simulate_cohort(tmp_path / "cohort", replace(CONFIG, cases=1))
    (tmp_path / "cohort" / "case_000001" / "case.json").write_text(text)
    with pytest.raises(ImageReadError, match=r"case\.json: cannot be read"):
        simulate_cohort(tmp_path / "cohort", replace(CONFIG, cases=1))
