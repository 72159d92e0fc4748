"""One simulated PET scan with exact labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from seganypet.errors import GeometryError, UsageError
from seganypet.phantom.anatomy import Anatomy, label_groups, procedural_anatomy
from seganypet.phantom.case import PhantomCase
from seganypet.phantom.config import PhantomConfig
from seganypet.phantom.lesions.planning import plan_lesions
from seganypet.phantom.render import Images, Patient, render, render_faithfully
from seganypet.phantom.scanner.artefacts import dome_slice
from seganypet.phantom.scanner.protocols import Examination
from seganypet.phantom.tracers import draw_patient
from seganypet.phantom.view import crop, in_bore, seen_from, slices_in_view
from seganypet.preprocessing.orientation import canonical_orientation
from seganypet.volume import Source, Volume


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
        device: Where activity and image are computed. Between types of device noise differs, and the rest agrees to
            within rounding, which may move single voxels of a lesion's border.

    Raises:
        GeometryError: The voxel size is unusable, or the anatomy's grid is not RAS+.
        UsageError: The seed is negative, or the anatomy holds tissues under other ids than `TISSUE_IDS`.
    """
    config = config or PhantomConfig()
    if seed < 0:
        raise UsageError(f"seed is {seed}; expected 0 or more")
    body_rng, patient_rng, lesion_rng, image_rng, scanner_rng = np.random.default_rng(seed).spawn(5)
    examination = config.draw_examination(scanner_rng)
    if anatomy is None:
        anatomy = procedural_anatomy(body_rng, spacing_mm=config.spacing_mm or examination.spacing_mm)
    check_anatomy(anatomy)
    anatomy = in_bore(anatomy, examination.bore_mm)
    examination = replace(examination, spacing_mm=anatomy.spacing_mm)
    patient, preset = draw_patient_scan(anatomy, config, examination, patient_rng, lesion_rng)
    # Lesions lie where the whole body has them, whatever part of it is imaged.
    slices = slices_in_view(anatomy, examination, config.limited_share, scanner_rng)
    anatomy = crop(anatomy, slices)
    patient = seen_from(patient, (0, 0, slices.start), anatomy.label_map.shape)
    tissues = torch.from_numpy(anatomy.label_map.copy()).to(device)[None]
    make = render_faithfully if config.faithful else render
    images = make(tissues, [patient], anatomy.spacing_mm, [image_rng])
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


def check_anatomy(anatomy: Anatomy) -> None:
    """Refuse a body that cannot be scanned.

    Raises:
        GeometryError: Its grid is not RAS+.
        UsageError: It holds tissues under other ids than `TISSUE_IDS`.
    """
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
        faithful=config.faithful,
    )
