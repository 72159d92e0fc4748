"""One simulated PET scan with exact labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from seganypet.errors import GeometryError, UsageError
from seganypet.phantom.anatomy import Anatomy, label_groups, procedural_anatomy
from seganypet.phantom.anatomy.body_map import LabelArray
from seganypet.phantom.case import PhantomCase
from seganypet.phantom.config import PhantomConfig
from seganypet.phantom.lesions.planning import plan_lesions
from seganypet.phantom.render import Images, Patient, render
from seganypet.phantom.scanner.artefacts import dome_slice
from seganypet.phantom.scanner.faithful import reconstruct_examination
from seganypet.phantom.scanner.protocols import Examination
from seganypet.phantom.tracers import draw_patient
from seganypet.preprocessing.orientation import canonical_orientation
from seganypet.volume import Affine, Source, Volume

_ONE_BED_MM = (150.0, 450.0)
_BELOW_PELVIS_MM = 160.0  # to mid-thigh


def simulate_case(
    seed: int,
    config: PhantomConfig | None = None,
    anatomy: Anatomy | None = None,
    *,
    device: torch.device | str = "cpu",
) -> PhantomCase:
    """Return a simulated PET scan; the same arguments give the same scan.

    Body, patient, lesions and image have randomness of their own: the same seed with another tracer is the same
    body.

    Args:
        seed: Seed of everything random.
        config: What the scan is like; default `PhantomConfig()`.
        anatomy: Body to scan, on a RAS+ grid; a procedural one by default. Ids must be those of `TISSUE_IDS`.
        device: Where activity and image are computed. Noise differs between types of device, nothing else.

    Raises:
        GeometryError: The voxel size is unusable, or the anatomy's grid is not RAS+.
        UsageError: The anatomy holds tissues under other ids than `TISSUE_IDS`.
    """
    config = config or PhantomConfig()
    body_rng, patient_rng, lesion_rng, image_rng, scanner_rng = np.random.default_rng(seed).spawn(5)
    examination = config.draw_examination(scanner_rng)
    if anatomy is None:
        anatomy = procedural_anatomy(body_rng, spacing_mm=config.spacing_mm or examination.spacing_mm)
    _check(anatomy)
    anatomy = _in_view(anatomy, examination, config, scanner_rng)
    examination = replace(examination, spacing_mm=anatomy.spacing_mm)
    patient, preset = draw_patient_scan(anatomy, config, examination, patient_rng, lesion_rng)
    tissues = torch.from_numpy(anatomy.label_map.copy()).to(device)[None]
    images = render(tissues, [patient], anatomy.spacing_mm, [image_rng])
    if config.faithful:
        suv = reconstruct_examination(
            images.activity[0], tissues[0], patient.examination, anatomy.spacing_mm, patient.dome, image_rng
        )
        images = replace(images, suv=torch.from_numpy(suv)[None])
    return _case(seed, config, anatomy, patient, preset, images)


def draw_patient_scan(
    anatomy: Anatomy,
    config: PhantomConfig,
    examination: Examination,
    patient_rng: np.random.Generator,
    lesion_rng: np.random.Generator,
) -> tuple[Patient, str]:
    """Return uptake and lesions of one patient with this body, and the preset of the lesions."""
    tracer = config.draw_tracer(patient_rng)
    uptake = draw_patient(anatomy.names.values(), patient_rng, tracer)
    preset = config.draw_preset(tracer, lesion_rng)
    plans = plan_lesions(
        anatomy, uptake.suv, lesion_rng, preset=preset, tracer=tracer, count=config.lesion_count
    )
    dome = dome_slice(torch.from_numpy(anatomy.label_map.copy()))
    return Patient(uptake=uptake, plans=plans, examination=examination, dome=dome), preset


def _check(anatomy: Anatomy) -> None:
    labels = label_groups()
    for identifier, name in anatomy.names.items():
        if labels.get(name, [None])[0] != identifier:
            raise UsageError(
                f"tissue {name!r} has id {identifier}; build the anatomy by anatomy_from_label_map"
            )
    if not np.allclose(anatomy.affine[:3, :3], np.diag(anatomy.spacing_mm)):
        raise GeometryError(
            "the anatomy's grid is not RAS+ (its affine is no positive diagonal); "
            "build it by anatomy_from_label_map"
        )


def _in_view(
    anatomy: Anatomy, examination: Examination, config: PhantomConfig, rng: np.random.Generator
) -> Anatomy:
    """The part of a body that the scanner covers: from the thighs up, or one or two bed positions anywhere."""
    anatomy = _in_bore(anatomy, examination.bore_mm)
    count, step = anatomy.label_map.shape[2], anatomy.spacing_mm[2]
    limited = rng.random() < config.limited_share
    length_mm = float(rng.uniform(*_ONE_BED_MM)) if limited else examination.axial_mm
    slices = max(8, int(length_mm / step))
    if slices >= count:
        return anatomy
    start = int(rng.integers(count - slices)) if limited else min(_thighs(anatomy), count - slices)
    affine = anatomy.affine.copy()
    affine[:3, 3] += start * affine[:3, 2]
    return _cropped(anatomy, anatomy.label_map[..., start : start + slices], affine)


def _thighs(anatomy: Anatomy) -> int:
    """The slice where a scan from the thighs up begins; the first one where the body has no pelvis."""
    pelvis = np.flatnonzero(anatomy.mask("hip_left", "hip_right").any(axis=(0, 1)))
    return max(0, int(pelvis[0] - _BELOW_PELVIS_MM / anatomy.spacing_mm[2])) if len(pelvis) else 0


def _in_bore(anatomy: Anatomy, bore_mm: float) -> Anatomy:
    """A body without what lies outside the transaxial field of view, where nothing is reconstructed."""
    x, y = (
        (np.arange(n) - (n - 1) / 2) * step
        for n, step in zip(anatomy.label_map.shape[:2], anatomy.spacing_mm[:2], strict=True)
    )
    outside = np.hypot(x[:, None], y[None, :]) > bore_mm / 2
    if not anatomy.label_map[outside].any():
        return anatomy
    seen = np.where(outside[..., None], np.int16(0), anatomy.label_map)
    return _cropped(anatomy, seen, anatomy.affine)


def _cropped(anatomy: Anatomy, label_map: LabelArray, affine: Affine) -> Anatomy:
    """The anatomy of a part of a label map, with the names that are left."""
    present = set(np.flatnonzero(np.bincount(label_map.ravel())).tolist())
    return Anatomy(label_map, affine, {i: name for i, name in anatomy.names.items() if i in present})


def _case(
    seed: int,
    config: PhantomConfig,
    anatomy: Anatomy,
    patient: Patient,
    preset: str,
    images: Images,
) -> PhantomCase:
    codes = patient.examination.orientation if config.as_written else "RAS"
    oriented = canonical_orientation(anatomy.affine, anatomy.label_map.shape, codes)
    suv, activity, lesions = (
        np.ascontiguousarray(oriented.apply(tensor[0].cpu().numpy()))
        for tensor in (images.suv, images.activity, images.lesions)
    )
    record = {"phantom": "simulated", "seed": seed, "tracer": patient.uptake.tracer}
    return PhantomCase(
        volume=Volume(suv, oriented.affine, source=Source(record=record)),
        activity=activity,
        reference=np.ascontiguousarray(oriented.apply(anatomy.label_map)),
        lesions=lesions,
        labels=label_groups(),
        tissue_uptake=patient.uptake,
        preset=preset,
        plans=tuple(images.plans[0]),
        examination=patient.examination,
    )
