"""`case.json`: what a simulated case is, and which file holds what."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy import ndimage

from seganypet.errors import ImageReadError
from seganypet.io.manifest import ManifestRow
from seganypet.phantom.case import PhantomCase
from seganypet.phantom.cohort.config import LabelQuality

RECORD_NAME: Final = "case.json"
_PACKAGES: Final = ("seganypet", "numpy", "scipy", "torch", "nibabel")


def case_facts(case: PhantomCase) -> dict[str, Any]:
    """Return tracer, uptake, lesions and scanner of a case, ready for JSON."""
    return {
        "tracer": case.tracer,
        "centre": case.examination.scanner,
        "shape": list(case.volume.shape),
        "spacing_mm": list(case.volume.spacing_mm),
        "variants": list(case.tissue_uptake.variants),
        "uptake": {name: float(suv) for name, suv in case.uptake.items()},
        "lesion_preset": case.preset,
        "lesions": lesion_table(case),
        "examination": asdict(case.examination),
        "faithful": case.faithful,
    }


def lesion_table(case: PhantomCase) -> list[dict[str, Any]]:
    """Return what each lesion is, in the order of ids: as planned, then as measured in labels and image.

    `suv` and `background_suv` are those before the scanner, `suv_max` and `suv_mean` those of the image.
    """
    rows = []
    for identifier, box in enumerate(ndimage.find_objects(case.lesions), start=1):
        if box is None:
            continue
        plan, mask = case.plans[identifier - 1], case.lesions[box] == identifier
        suv = case.volume.array[box][mask]
        centre = np.argwhere(mask).mean(axis=0) + [side.start for side in box]
        rows.append(
            {
                "id": identifier,
                "kind": plan.kind,
                "host": plan.host,
                "suv": plan.suv,
                "background_suv": plan.background_suv,
                "planned_volume_ml": plan.volume_ml,
                "blobs": len(plan.blobs),
                "edge_mm": plan.edge_mm,
                "reaction": plan.reaction,
                "core": plan.core,
                "core_suv": plan.core_suv,
                "volume_ml": int(mask.sum()) * case.volume.voxel_volume_ml,
                "centre_xyz_mm": [round(mm, 3) for mm in case.volume.to_xyz_mm(centre.tolist())],
                "suv_max": float(suv.max()),
                "suv_mean": float(suv.mean(dtype=np.float64)),
            }
        )
    return rows


def versions() -> dict[str, str]:
    """Return the versions of the packages that a case depends on."""
    return {package: metadata.version(package) for package in _PACKAGES}


def read_record(folder: Path) -> dict[str, Any]:
    """Return the record of a case.

    Raises:
        ImageReadError: It is missing or damaged, or names a file that is not there.
    """
    path = folder / RECORD_NAME
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        files = [folder / file for file in record["files"].values()]
        if not {"image", "reference", "lesions"} <= set(record["files"]):
            raise ValueError("files has no image, reference and lesions")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ImageReadError(
            f"{path}: cannot be read ({error}); remove {folder} to have it simulated again"
        ) from error
    for file in files:
        if not file.exists():
            raise ImageReadError(f"{file}: is missing; remove {folder} to have the case simulated again")
    return record


def rows_of(folder: Path, record: Mapping[str, Any], labels: LabelQuality, split: str) -> list[ManifestRow]:
    """Return the manifest's rows of a case: one, or where labels of both qualities are asked for, two."""
    files = {name: folder / file for name, file in record["files"].items()}
    common = {
        "image": files["image"],
        "split": split,
        "tracer": record["tracer"],
        "centre": record["centre"],
    }
    if labels == "hq":
        return [
            ManifestRow(
                case=folder.name,
                reference=files["reference"],
                lesions=files["lesions"],
                quality="hq",
                **common,
            )
        ]
    exact = ManifestRow(
        case=folder.name,
        reference=files["clean_reference"],
        lesions=files["clean_lesions"],
        quality="hq",
        **common,
    )
    noisy = ManifestRow(
        case=folder.name if labels == "lq" else f"{folder.name}_lq",
        reference=files["reference"],
        lesions=files["lesions"],
        clean_reference=files["clean_reference"],
        quality="lq",
        **common,
    )
    return [noisy] if labels == "lq" else [exact, noisy]
