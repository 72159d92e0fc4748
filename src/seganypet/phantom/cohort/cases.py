"""Simulate one case of a cohort and write its folder: whole, or not at all."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from seganypet.analysis.projections import save_preview
from seganypet.errors import OutputError
from seganypet.io.label_map import write_label_map
from seganypet.io.write import write_json, write_volume
from seganypet.phantom.anatomy.body_map import Anatomy
from seganypet.phantom.case import PhantomCase
from seganypet.phantom.cohort.bodies import read_anatomy
from seganypet.phantom.cohort.config import LABEL_NOISE, CohortConfig
from seganypet.phantom.cohort.dicom import write_dicom
from seganypet.phantom.cohort.record import RECORD_NAME, case_facts, read_record, versions
from seganypet.phantom.config import PhantomConfig
from seganypet.phantom.labels import NoisyLabels, noisy_labels
from seganypet.phantom.scanner.protocols import protocols_named
from seganypet.phantom.simulate import simulate_case

_CASE, _PARTIAL = "case_", ".partial"


def case_name(number: int) -> str:
    """Return the name of a case, and of its folder."""
    return f"{_CASE}{number:06d}"


def write_case(folder: Path, number: int, config: CohortConfig) -> None:
    """Simulate a case and write its folder; the same arguments give the same bytes.

    Args:
        folder: The cohort's.
        number: The case's, from 1 on.
        config: What the cohort holds.

    Raises:
        OutputError: A file cannot be written.
        SegAnyPETError: As for `simulate_case` and `read_anatomy`.
    """
    name, seed = case_name(number), config.seed_of(number)
    body = config.anatomy_of(number)
    with _one_thread():
        phantom, anatomy = (config.phantom, None) if body is None else _given_body(body, seed, config)
        case = simulate_case(seed, phantom, anatomy)
    noisy = None if config.labels == "hq" else _noisy(case, seed, config.label_noise)
    record: dict[str, Any] = {
        "case": name,
        "seed": seed,
        "body": "procedural" if body is None else body.name,
        **case_facts(case),
    }
    with _whole(folder / name) as place:
        record["files"] = _write_images(case, noisy, place)
        if noisy is not None:
            record["label_noise"] = config.label_noise
            record["label_errors"] = [asdict(error) for error in noisy.errors]
        if config.dicom:
            record["dicom"] = write_dicom(case, name, config.seed, place / "dicom")
            record["files"]["dicom"] = "dicom"
        save_preview(
            case.volume,
            case.reference,
            case.lesions,
            case.labels,
            place / "preview.png",
            title=_title(case, name),
        )
        record["files"]["preview"] = "preview.png"
        write_json({**record, "versions": versions()}, place / RECORD_NAME)
        read_record(place)  # all files are there


def remove_unfinished(folder: Path) -> None:
    """Remove what killed runs left of cases; what a running process writes stays."""
    for place in folder.glob(f".{_CASE}*{_PARTIAL}"):
        writer = place.name.split(".")[2]
        if not (writer.isdigit() and _runs(int(writer))):
            shutil.rmtree(place, ignore_errors=True)


def _runs(process: int) -> bool:
    """Whether a process of this number runs on this machine."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def has_cases(folder: Path) -> bool:
    """Return whether a cohort's folder holds cases."""
    return any(folder.glob(f"{_CASE}*"))


def _title(case: PhantomCase, name: str) -> str:
    count = len(case.plans)
    lesions = f"{count} lesion{'' if count == 1 else 's'} ({case.preset})"
    tracer = "random uptake" if case.tracer == "random" else case.tracer.upper()
    return f"{name}: simulated PET ({tracer}), {case.examination.scanner}, {lesions}"


def _given_body(path: Path, seed: int, config: CohortConfig) -> tuple[PhantomConfig, Anatomy]:
    """Return the body of a label map and how to scan it; without a voxel size, one scanner and its voxels are drawn."""
    phantom = config.phantom
    spacing_mm = phantom.spacing_mm
    if spacing_mm is None:
        rng = np.random.default_rng([seed, 4])
        protocols = protocols_named(phantom.scanner)
        protocol = protocols[int(rng.integers(len(protocols)))]
        in_plane, slice_mm = protocol.voxels_mm[int(rng.integers(len(protocol.voxels_mm)))]
        spacing_mm = (in_plane, in_plane, slice_mm)
        phantom = replace(phantom, scanner=protocol.name, spacing_mm=spacing_mm)
    return phantom, read_anatomy(path, seed, spacing_mm=spacing_mm, tissues=config.tissues)


def _noisy(case: PhantomCase, seed: int, preset: str) -> NoisyLabels:
    return noisy_labels(
        case.reference,
        case.lesions,
        case.volume.array,
        case.labels,
        case.volume.spacing_mm,
        np.random.default_rng([seed, 3]),
        LABEL_NOISE[preset](),
    )


def _write_images(case: PhantomCase, noisy: NoisyLabels | None, place: Path) -> dict[str, str]:
    """Write scan and label maps; return the name of each by what it is."""
    maps = {"reference": case.reference, "lesions": case.lesions}
    if noisy is not None:
        clean = {f"clean_{name}": label_map for name, label_map in maps.items()}
        maps = {"reference": noisy.reference, "lesions": noisy.lesions, **clean}
    write_volume(case.volume, place / "pet.nii.gz")
    for name, label_map in maps.items():
        write_label_map(label_map, case.volume, place / f"{name}.nii.gz")
    return {"image": "pet.nii.gz", **{name: f"{name}.nii.gz" for name in maps}}


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """Give a folder that takes its name when the block succeeds, and is removed when it does not."""
    place = folder.with_name(f".{folder.name}.{os.getpid()}.{uuid.uuid4().hex}{_PARTIAL}")
    try:
        place.mkdir(parents=True)
        yield place
        _move(place, folder)
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be written ({error.strerror or error}); choose another folder or free space"
        ) from error
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _move(place: Path, folder: Path) -> None:
    try:
        place.replace(folder)
    except OSError:
        if not (folder / RECORD_NAME).exists():  # another process was quicker, with the same bytes
            raise


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute on one thread: sums over several differ in their last bits, and cases run side by side anyway."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
