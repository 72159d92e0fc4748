"""From a manifest to nnU-Net's raw data set, and which scan is which."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seganypet.errors import ManifestError, SegAnyPETError
from seganypet.evaluation.nnunet.classes import Classes, classes_of
from seganypet.io import ManifestRow, read_labels, read_manifest, read_volume, write_json, write_volume
from seganypet.io.label_map import read_label_map, write_label_map
from seganypet.io.side_by_side import side_by_side
from seganypet.preprocessing.orientation import Orientation, canonical_orientation
from seganypet.targets import LESION
from seganypet.volume import Volume

DATASET = "Dataset001_PET"
ENDING = ".nii.gz"
OnCase = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """What of a manifest is trained on, watched, and predicted; each by an identifier that is a safe file name.

    Attributes:
        training: Rows of split "train", and of none.
        validation: Rows of split "val": they tell how training goes, and are not learned from.
        test: Rows of split "test".
        classes: What is segmented.
    """

    training: Mapping[str, ManifestRow]
    validation: Mapping[str, ManifestRow]
    test: Mapping[str, ManifestRow]
    classes: Classes


def cohort_of(manifest: Path, targets: Sequence[str], *, predictions: bool = True) -> Cohort:
    """Return what a manifest gives to train on and to predict.

    Args:
        manifest: With its labels beside it.
        targets: What to segment; empty for all that labels.json names, and lesions where all cases have their map.
        predictions: Whether there must be cases to predict.

    Raises:
        ManifestError: The manifest or its labels cannot be used; a target is unknown; nothing to train on or to
            predict; cases without the label map that a target needs, all in one message; a case that is called like
            a path out of the output.
    """
    rows, labels = read_manifest(manifest), read_labels(manifest)
    numbered = {f"case_{number:05}": row for number, row in enumerate(rows, start=1)}
    training = {name: row for name, row in numbered.items() if row.split in ("train", "")}
    validation = {name: row for name, row in numbered.items() if row.split == "val"}
    test = {name: row for name, row in numbered.items() if row.split == "test"}
    for split, found, remedy in (("train", training, ""), ("test", test, ", or give --no-predictions")):
        if not found and (split == "train" or predictions):
            raise ManifestError(
                f"{manifest}: no case of split {split!r}; fill the column split, or simulate with --split{remedy}"
            )
    labelled = [*training.values(), *validation.values()]
    with_lesions = all(row.lesions is not None for row in labelled)
    wanted = targets or (*labels, *([LESION] if with_lesions else []))
    try:
        classes = classes_of(labels, wanted)
    except ManifestError as error:
        raise ManifestError(f"{manifest}: {error}") from error
    _check_maps(manifest, labelled, classes)
    _check_names(manifest, test.values())
    return Cohort(training=training, validation=validation, test=test, classes=classes)


def export(cohort: Cohort, raw: Path, *, jobs: int = 1, on_case: OnCase | None = None) -> Path:
    """Write a cohort as nnU-Net's raw data set and return its folder.

    Scans and label maps are turned so that their axes lead to right, anterior and superior: nnU-Net does not look at
    orientations, and left and right are told apart. Their voxels stay what they are.

    Args:
        cohort: What `cohort_of` returns.
        raw: nnU-Net's folder of raw data sets.
        jobs: Processes side by side.
        on_case: Told how many of how many cases are done.

    Raises:
        SegAnyPETError: A scan or a label map that cannot be read; the message begins with the case's name.
    """
    folder = raw / DATASET
    labelled = {**cohort.training, **cohort.validation}
    work = [
        (row, cohort.classes, _image_path(folder, "Tr", name), folder / "labelsTr" / f"{name}{ENDING}")
        for name, row in labelled.items()
    ] + [(row, None, _image_path(folder, "Ts", name), None) for name, row in cohort.test.items()]
    for done, _ in enumerate(side_by_side(_export_case, work, jobs, called="export"), start=1):
        if on_case:
            on_case(done, len(work))
    write_json({name: row.case for name, row in {**labelled, **cohort.test}.items()}, folder / "cases.json")
    write_json(_dataset(cohort), folder / "dataset.json")
    return folder


def image_to_predict(raw: Path, name: str) -> Path:
    """Return where the scan to predict lies that has an identifier."""
    return _image_path(raw / DATASET, "Ts", name)


def upright(volume: Volume) -> Orientation:
    """Return how a scan is turned for nnU-Net, which is undone for its prediction."""
    return canonical_orientation(volume.affine, volume.shape)


def write_upright(volume: Volume, path: Path) -> Volume:
    """Write a scan turned for nnU-Net, and return it as it was written.

    Oblique and sheared grids are more than nnU-Net's reader takes: only the voxel sizes remain of the grid.

    Args:
        volume: The scan.
        path: A .nii.gz file.

    Raises:
        OutputError: It cannot be written.
    """
    orientation = upright(volume)
    i, j, k = (volume.spacing_mm[axis] for axis in orientation.axes)
    turned = Volume(np.ascontiguousarray(orientation.apply(volume.array)), np.diag([i, j, k, 1.0]))
    write_volume(turned, path)
    return turned


def _export_case(row: ManifestRow, classes: Classes | None, image: Path, labels: Path | None) -> None:
    """Write scan and classes of a case; without classes the scan alone."""
    try:
        volume = read_volume(row.image)
        orientation, turned = upright(volume), write_upright(volume, image)
        if classes is not None and labels is not None:
            organs = read_label_map(row.reference, like=volume) if row.reference and classes.parts else None
            lesions = read_label_map(row.lesions, like=volume) if row.lesions and classes.lesion else None
            write_label_map(orientation.apply(classes.label_map(organs, lesions)), turned, labels)
    except SegAnyPETError as error:
        raise type(error)(f"case {row.case!r}: {error}") from error


def _dataset(cohort: Cohort) -> dict[str, object]:
    return {
        "channel_names": {"0": "PET"},
        "labels": cohort.classes.titles,
        "numTraining": len(cohort.training) + len(cohort.validation),
        "file_ending": ENDING,
        "overwrite_image_reader_writer": "SimpleITKIO",
    }


def _image_path(folder: Path, split: str, name: str) -> Path:
    return folder / f"images{split}" / f"{name}_0000{ENDING}"


def _check_maps(manifest: Path, rows: Sequence[ManifestRow], classes: Classes) -> None:
    """Refuse cases to learn from whose label map is missing: unlabelled is not the same as absent."""
    problems = []
    for column, needed in (("reference", bool(classes.parts)), ("lesions", classes.lesion)):
        missing = [row.case for row in rows if needed and getattr(row, column) is None]
        if missing:
            more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
            problems.append(f"no {column} for {', '.join(missing[:3])}{more}")
    if problems:
        raise ManifestError(
            f"{manifest}: {'; '.join(problems)}; leave these cases or targets out, or give maps, empty where there "
            "is nothing"
        )


def _check_names(manifest: Path, rows: Iterable[ManifestRow]) -> None:
    """Refuse names that lead out of the folder of predictions."""
    for row in rows:
        path = Path(row.case)
        if path.is_absolute() or ".." in path.parts:
            raise ManifestError(f"{manifest}: case {row.case!r} names a place elsewhere; rename it")
