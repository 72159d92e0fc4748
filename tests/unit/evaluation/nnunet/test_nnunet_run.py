"""nnU-Net itself, from a manifest to masks that an evaluation reads; a few voxels, a few steps."""

import json
import os
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import small_cohorts as cohorts
from seganypet.errors import MethodError, OutputError, UsageError
from seganypet.evaluation.methods.entry import Options
from seganypet.evaluation.methods.interface import Scan
from seganypet.evaluation.methods.predictions import predictions
from seganypet.evaluation.methods.registry import chosen
from seganypet.evaluation.nnunet.environment import framework
from seganypet.evaluation.nnunet.export import DATASET, image_to_predict, upright
from seganypet.evaluation.nnunet.plan import CONFIGURATION, PLANS
from seganypet.evaluation.nnunet.predict import Predictor, most_likely
from seganypet.evaluation.nnunet.run import BaselineOptions, run_baseline
from seganypet.evaluation.nnunet.settings import Settings
from seganypet.io import read_volume

SHAPE = (22, 28, 24)
# To the left, to the front, to the feet; voxels that nnU-Net takes along i first, which are the longest.
AFFINE = np.array([[-6.0, 0, 0, 60], [0, 4, 0, -50], [0, 0, -5, 100], [0, 0, 0, 1]])
SETTINGS = Settings(
    network="nnunet",
    targets=("liver", "kidneys", "kidney_left", "lesion"),
    epochs=2,
    iterations=2,
    patch=(16, 24, 16),
    batch=2,
    width=4,
)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort")
    reference, lesions = np.zeros(SHAPE, np.int16), np.zeros(SHAPE, np.int16)
    reference[2:12, 2:12, 2:12] = 1
    reference[13:20, 3:13, 3:13] = 2
    reference[13:20, 15:25, 12:22] = 3
    lesions[4:8, 4:8, 4:8] = 9
    rows = []
    for number, split in enumerate(("train", "train", "val", "test", "test")):
        row = cohorts.row(folder, f"scan {number}", split=split, maps={})
        suv = np.random.default_rng(number).uniform(0.1, 1, SHAPE).astype(np.float32)
        cohorts.save(suv + reference, row.image, AFFINE)
        maps = {"reference": reference, "lesions": lesions} if split != "test" else {}
        paths = {
            name: cohorts.save(array, folder / row.case / f"{name}.nii.gz", AFFINE)
            for name, array in maps.items()
        }
        rows.append(replace(row, **paths))
    return cohorts.write(folder, *rows)


class StoppedError(Exception):
    """What stops a training after its first epoch."""


@pytest.fixture(scope="module")
def baseline(manifest, tmp_path_factory):
    """A baseline that was interrupted, trained to its end, and run again for predictions.

    Its folder, its record, what it told each time, and what the folder held before it predicted.
    """
    folder = tmp_path_factory.mktemp("baseline") / "out"
    told = ([], [], [])

    def stop(text):
        told[0].append(text)
        if text.startswith("epoch 1"):
            raise StoppedError

    with pytest.raises(StoppedError):
        run_baseline(manifest, folder, SETTINGS, BaselineOptions(device="cpu", tell=stop))
    trained = BaselineOptions(device="cpu", predictions=False, tell=told[1].append)
    without = run_baseline(manifest, folder, SETTINGS, trained)["steps"]
    names = {path.name for path in folder.iterdir()}
    record = run_baseline(manifest, folder, SETTINGS, BaselineOptions(device="cpu", tell=told[2].append))
    assert not [name for name in os.environ if name.startswith("nnUNet_")]
    return SimpleNamespace(folder=folder, record=record, told=told, trained=(without, names))


def test_it_goes_on_after_the_last_epoch(baseline):
    first, second, third = baseline.told
    assert first[:5] == [f"exported {n} of 5" for n in range(1, 6)]
    assert first[5:8] == [f"preprocessed {n} of 3" for n in range(1, 4)]
    assert [text.partition(":")[0] for text in first[8:]] == ["epoch 1 of 2"]
    assert [text.partition(":")[0] for text in second] == ["epoch 2 of 2"]
    assert third == ["predicted 1 of 2", "predicted 2 of 2"]


def test_it_need_not_predict(baseline):
    steps, names = baseline.trained
    assert list(steps) == ["export", "plan", "train"]
    assert names == {"nnunet", "labels.json", "baseline.json"}


def test_the_record_tells_what_was_done(baseline):
    record = json.loads((baseline.folder / "baseline.json").read_text())
    assert record["steps"] == baseline.record["steps"]
    assert record["cases"] == {"training": 2, "validation": 1, "test": 2}
    assert record["classes"] == {
        "background": 0,
        "liver": 1,
        "kidneys/kidney_left": 2,
        "kidneys": 3,
        "lesion": 4,
    }
    assert set(record["libraries"]) == {"nnunetv2"}
    steps = record["steps"]
    assert (steps["train"]["epochs"], steps["train"]["iterations"]) == (2, 4)
    assert steps["train"]["mirroring"] is False  # there is a left kidney
    # nnU-Net reads k, j, i, and puts the longest voxels first: i, k, j.
    assert steps["plan"]["patch_size"] == [16, 16, 24]
    assert steps["plan"]["spacing"] == pytest.approx([6, 5, 4])
    assert steps["plan"]["batch_size"] == 2


def test_validation_cases_are_not_learned_from(baseline):
    path = baseline.folder / "nnunet" / "preprocessed" / DATASET / "splits_final.json"
    assert json.loads(path.read_text()) == [{"train": ["case_00001", "case_00002"], "val": ["case_00003"]}]


def test_an_evaluation_reads_the_predictions(baseline, manifest):
    method = predictions(baseline.folder)
    for case in ("scan 3", "scan 4"):
        method.start(Scan(case=case, volume=read_volume(manifest.parent / case / "pet.nii.gz")))
        masks = {name: method.restart(name) for name in ("liver", "kidneys", "kidney_left", "lesions")}
        assert {mask.shape for mask in masks.values()} == {SHAPE}
        assert (masks["kidneys"] >= masks["kidney_left"]).all()
        assert any(mask.any() for mask in masks.values())
    with pytest.raises(MethodError, match="'spleen' is not among"):
        method.restart("spleen")


def test_an_evaluation_runs_the_network_itself_with_the_same_masks(baseline, manifest):
    scan = Scan(case="whatever", volume=read_volume(manifest.parent / "scan 4" / "pet.nii.gz"))
    live, written = (
        chosen(f"baseline={baseline.folder}").build(Options(device="cpu")),
        predictions(baseline.folder),
    )
    live.start(scan)
    written.start(replace(scan, case="scan 4"))
    for name in ("liver", "kidneys", "lesions"):
        np.testing.assert_array_equal(live.restart(name), written.restart(name))


def test_refuses_a_network_that_has_not_been_trained(baseline, tmp_path):
    with pytest.raises(
        MethodError, match=r"holds no baseline that has ended; run seganypet baseline to its end"
    ):
        chosen(f"baseline={tmp_path}").build(Options())
    copy = tmp_path / "copy"
    shutil.copytree(baseline.folder, copy)
    for path in copy.rglob("checkpoint_final.pth"):
        path.unlink()
    with pytest.raises(MethodError, match="its training has not ended"):
        chosen(f"baseline={copy}").build(Options(device="cpu"))


def trained(baseline, network):
    """What a trainer tells a predictor, with another network."""
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    work = baseline.folder / "nnunet"
    plans = PlansManager(json.loads((work / "preprocessed" / DATASET / PLANS).read_text()))
    return SimpleNamespace(
        network=network,
        plans_manager=plans,
        configuration_manager=plans.get_configuration(CONFIGURATION),
        dataset_json=json.loads((work / "raw" / DATASET / "dataset.json").read_text()),
        device=torch.device("cpu"),
        mirroring=False,
        inference_allowed_mirroring_axes=None,
        set_deep_supervision_enabled=lambda enabled: None,
    )


class Brightness(torch.nn.Module):
    """Says class 1 where a scan is brighter than average, else class 0."""

    def forward(self, image):
        never = torch.full_like(image, -1000)
        bright = 100 * image  # as nnU-Net weighs a scan's corners with 6e-8, in half precision
        return torch.cat([-bright, bright, never, never, never], dim=1)


def test_predictions_lie_where_the_scan_is(baseline, manifest):
    work = baseline.folder / "nnunet"
    volume = read_volume(manifest.parent / "scan 3" / "pet.nii.gz")
    with framework(work, workers=0, seed=0):
        classes = Predictor(trained(baseline, Brightness())).label_map(
            image_to_predict(work / "raw", "case_00004")
        )
    found = upright(volume).invert(classes)
    above = volume.array - volume.array.mean()
    clear = np.abs(above) > 0.02
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(found[clear], above[clear] > 0)


def test_classes_are_nnunet_s_own(baseline):
    from nnunetv2.inference.export_prediction import (
        convert_predicted_logits_to_segmentation_with_correct_shape as theirs,
    )

    trainer = trained(baseline, None)
    plans, configuration = trainer.plans_manager, trainer.configuration_manager
    properties = {
        "spacing": [4.0, 3.0, 5.0],  # k, j, i
        "shape_before_cropping": (15, 14, 18),  # i, k, j
        "bbox_used_for_cropping": [[1, 13], [2, 14], [0, 17]],
        "shape_after_cropping_and_before_resampling": (12, 12, 17),
    }
    logits = torch.randn(5, 10, 10, 13, generator=torch.Generator().manual_seed(0))
    expected = theirs(
        logits.clone(),
        plans,
        configuration,
        plans.get_label_manager(trainer.dataset_json),
        properties,
        num_threads_torch=torch.get_num_threads(),
    )
    found = most_likely(logits, properties, plans, configuration)
    assert found.shape == (14, 18, 15)
    np.testing.assert_array_equal(found, expected)


def test_a_prediction_that_has_gone_is_made_again_and_nothing_else(baseline, manifest):
    path = baseline.folder / "scan 4.nii.gz"
    kept = (baseline.folder / "scan 3.nii.gz").stat().st_mtime_ns
    content = path.read_bytes()
    path.unlink()
    told = []
    run_baseline(manifest, baseline.folder, SETTINGS, BaselineOptions(device="cpu", tell=told.append))
    assert told == ["predicted 1 of 2", "predicted 2 of 2"]
    assert path.read_bytes() == content
    assert (baseline.folder / "scan 3.nii.gz").stat().st_mtime_ns == kept


def test_refuses_a_folder_of_other_settings(baseline, manifest):
    with pytest.raises(UsageError, match=r"is a baseline with epochs 2, not 3; choose a new folder"):
        run_baseline(manifest, baseline.folder, replace(SETTINGS, epochs=3))


def test_refuses_a_folder_of_another_manifest(baseline, manifest):
    other = manifest.with_name("other.csv")
    other.write_text(manifest.read_text().replace("val", "train"))
    with pytest.raises(UsageError, match="is a baseline of another manifest; choose a new folder"):
        run_baseline(other, baseline.folder, SETTINGS)


def test_refuses_a_folder_of_something_else(manifest, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="not empty; choose a new folder for this baseline"):
        run_baseline(manifest, tmp_path, SETTINGS)


def test_refuses_to_predict_with_weights_that_have_gone(baseline, manifest, tmp_path):
    folder = shutil.copytree(baseline.folder, tmp_path / "copy")
    next(folder.glob("nnunet/results/**/checkpoint_final.pth")).unlink()
    (folder / "scan 3.nii.gz").unlink()
    with pytest.raises(
        OutputError, match=r"checkpoint_final.pth: is not there any more; choose a new folder"
    ):
        run_baseline(manifest, folder, SETTINGS, BaselineOptions(device="cpu"))


def test_refuses_a_damaged_folder(manifest, tmp_path):
    path = tmp_path / "nnunet" / "settings.json"
    path.parent.mkdir()
    path.write_text("{")
    with pytest.raises(OutputError, match=r"settings.json: cannot be read .*; choose a new folder"):
        run_baseline(manifest, tmp_path, SETTINGS)
