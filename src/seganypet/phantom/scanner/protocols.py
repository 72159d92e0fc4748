"""What scanners do to an image: voxels, point spread, noise, by model and dose, and one examination's draw of them.

Voxel sizes are those that the makers' consoles offer; point spread and noise are of reconstructed clinical images
(filter included) and approximate, as are the time resolutions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from seganypet.errors import UsageError

Range = tuple[float, float]
_PSF_MM = (3.0, 8.0)
ARTEFACTS = ("respiratory_mismatch", "arm_truncation", "metal", "halo")


_RANGES = ("psf_fwhm_mm", "axial_psf", "noise", "noise_fwhm_mm", "noise_axial", "noise_exponent", "axial_mm")


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """A scanner with its usual reconstruction; ranges are drawn from uniformly.

    Attributes:
        name: Scanner and protocol.
        voxels_mm: In-plane voxel size and slice distance of the images it writes.
        psf_fwhm_mm: Point spread in the image, transaxial.
        axial_psf: Axial over transaxial point spread.
        noise: Noise over mean in the liver at full dose.
        noise_fwhm_mm: Correlation width of the noise, transaxial: about that of the filter.
        noise_axial: Axial over transaxial correlation width: the axial filter is often lighter.
        noise_exponent: How the noise grows with the SUV, from 0.5 (Poisson) to 1; lower with time of flight.
        time_resolution_ps: Coincidence time resolution, full width at half maximum; None without time of flight.
        bed_mm: Step from one bed position to the next, whose seams are noisier; 0 where there are none.
        dose_fraction: Share of the usual dose or time; the noise grows with its inverse square root.
        axial_mm: Longest axial coverage.
        bore_mm: Diameter of the field of view.
        orientations: Directions of i, j, k as its series are written, and as converters store them.
    """

    name: str
    voxels_mm: tuple[tuple[float, float], ...]
    psf_fwhm_mm: Range
    axial_psf: Range = (0.85, 1.15)
    noise: Range
    noise_fwhm_mm: Range
    noise_axial: Range = (0.5, 1.05)
    noise_exponent: Range = (0.58, 0.8)
    time_resolution_ps: float | None = None
    bed_mm: float = 0.0
    dose_fraction: tuple[float, ...] = (1.0,)
    axial_mm: Range = (950.0, 2100.0)
    bore_mm: float = 700.0
    orientations: tuple[str, ...] = ("LPS", "LAS", "RAS")

    def __post_init__(self) -> None:
        for name in _RANGES:
            low, high = getattr(self, name)
            if not 0 <= low <= high:
                raise UsageError(f"{name} is ({low}, {high}); expected 0 <= lowest <= highest")
        if not all(0 < share <= 1 for share in self.dose_fraction):
            raise UsageError(f"dose_fraction is {self.dose_fraction}; expected shares above 0, up to 1")


_CLINICAL = (
    Protocol(
        name="ge_discovery_st",
        voxels_mm=((4.6875, 3.27), (5.46875, 3.27)),
        psf_fwhm_mm=(5.5, 7.0),
        noise=(0.1, 0.2),
        noise_fwhm_mm=(6.0, 7.5),
        noise_axial=(0.5, 0.65),
        noise_exponent=(0.7, 0.82),
        bed_mm=144.0,
        bore_mm=600.0,
    ),
    Protocol(
        name="ge_discovery_690",
        time_resolution_ps=550.0,
        voxels_mm=((2.734375, 3.27), (3.6458, 3.27), (5.46875, 3.27)),
        psf_fwhm_mm=(5.0, 7.0),
        noise=(0.07, 0.15),
        noise_fwhm_mm=(4.5, 7.0),
        bed_mm=120.0,
    ),
    Protocol(
        name="siemens_biograph_mct",
        time_resolution_ps=540.0,
        voxels_mm=((4.07283, 3.0), (4.07283, 5.0), (4.07283, 2.027)),
        psf_fwhm_mm=(4.5, 7.0),
        noise=(0.07, 0.15),
        noise_fwhm_mm=(4.5, 7.0),
        bed_mm=125.0,
        bore_mm=815.0,
    ),
    Protocol(
        name="siemens_biograph_vision",
        time_resolution_ps=214.0,
        voxels_mm=((3.3, 3.0), (3.3, 2.0)),
        psf_fwhm_mm=(3.8, 5.5),
        noise=(0.06, 0.12),
        noise_fwhm_mm=(4.0, 6.5),
        bore_mm=726.0,
    ),
    Protocol(
        name="philips_gemini_tf",
        time_resolution_ps=575.0,
        voxels_mm=((4.0, 4.0),),
        psf_fwhm_mm=(5.0, 7.0),
        noise=(0.07, 0.13),
        bed_mm=90.0,
        noise_fwhm_mm=(4.5, 7.0),
        bore_mm=676.0,
    ),
)
_LONG_AXIAL = (
    Protocol(
        name="siemens_vision_quadra",
        time_resolution_ps=230.0,
        voxels_mm=((3.3, 3.0), (3.3, 2.0)),
        psf_fwhm_mm=(3.5, 5.0),
        noise=(0.03, 0.06),
        noise_fwhm_mm=(3.5, 5.5),
        axial_mm=(1060.0, 2100.0),
        bore_mm=726.0,
    ),
    Protocol(
        name="united_imaging_uexplorer",
        time_resolution_ps=505.0,
        voxels_mm=((2.34375, 2.886), (3.125, 2.886)),
        psf_fwhm_mm=(3.0, 4.5),
        noise=(0.03, 0.06),
        noise_fwhm_mm=(3.5, 5.5),
        axial_mm=(1940.0, 2100.0),
        bore_mm=600.0,
    ),
)
# Shares of the counts as in the Ultra-low-dose PET challenge (UDPET): 1/4 to 1/100 of a long-axial scan.
_LOW_DOSE = tuple(
    replace(long, name=f"{long.name}_low_dose", dose_fraction=(0.25, 0.1, 0.05, 0.02, 0.01))
    for long in _LONG_AXIAL
)
PROTOCOLS: Mapping[str, tuple[Protocol, ...]] = MappingProxyType(
    {
        "clinical": _CLINICAL,
        "long_axial": _LONG_AXIAL,
        "ultra_low_dose": _LOW_DOSE,
        "mixed": (*_CLINICAL, *_CLINICAL, *_LONG_AXIAL, *_LOW_DOSE),
        **{protocol.name: (protocol,) for protocol in (*_CLINICAL, *_LONG_AXIAL, *_LOW_DOSE)},
    }
)


@dataclass(frozen=True, kw_only=True)
class Examination:
    """One patient on one scanner.

    Attributes:
        scanner: Name of the protocol.
        spacing_mm: Voxel size along x, y, z, in mm.
        orientation: Directions of i, j, k in the file.
        psf_fwhm_mm: Point spread along x, y, z.
        noise: Noise over mean at the liver's SUV, the dose considered.
        noise_fwhm_mm: Correlation width of the noise along x, y, z.
        noise_exponent: How the noise grows with the SUV.
        time_resolution_ps: Coincidence time resolution; None without time of flight.
        bed_mm: Step between bed positions, 0 without any.
        dose_fraction: Share of the usual counts.
        breathing_mm: Travel of the liver's dome with the breath.
        artefacts: Slips of the attenuation correction, of `ARTEFACTS`.
        axial_mm: Axial coverage.
        bore_mm: Diameter of the field of view.
        noisy_ends: Whether the image ends where the scan does, so that its first and last slices are noisier.
    """

    scanner: str
    spacing_mm: tuple[float, float, float]
    orientation: str
    psf_fwhm_mm: tuple[float, float, float]
    noise: float
    noise_fwhm_mm: tuple[float, float, float]
    noise_exponent: float = 0.7
    time_resolution_ps: float | None = None
    bed_mm: float = 0.0
    dose_fraction: float = 1.0
    breathing_mm: float = 0.0
    artefacts: tuple[str, ...] = ()
    axial_mm: float = 2100.0
    bore_mm: float = 700.0
    noisy_ends: bool = True


def draw_examination(
    protocols: tuple[Protocol, ...],
    rng: np.random.Generator,
    *,
    breathing_mm: Range = (0.0, 20.0),
    artefact_share: float = 0.0,
) -> Examination:
    """Return one examination.

    Args:
        protocols: Scanners to choose from.
        rng: Source of randomness.
        breathing_mm: Travel of the liver's dome; quiet breathing moves it by 5–20 mm.
        artefact_share: Chance of each slip of the attenuation correction.
    """
    protocol = protocols[int(rng.integers(len(protocols)))]
    in_plane, slice_mm = protocol.voxels_mm[int(rng.integers(len(protocol.voxels_mm)))]
    psf = float(rng.uniform(*protocol.psf_fwhm_mm))
    grain = float(rng.uniform(*protocol.noise_fwhm_mm))
    axial = float(rng.uniform(*protocol.axial_psf))
    dose = float(rng.choice(protocol.dose_fraction))
    return Examination(
        scanner=protocol.name,
        spacing_mm=(in_plane, in_plane, slice_mm),
        orientation=str(rng.choice(protocol.orientations)),
        psf_fwhm_mm=(psf, psf, float(np.clip(psf * axial, *_PSF_MM))),
        noise=float(rng.uniform(*protocol.noise)) / float(np.sqrt(dose)),
        noise_fwhm_mm=(grain, grain, grain * float(rng.uniform(*protocol.noise_axial))),
        noise_exponent=float(rng.uniform(*protocol.noise_exponent)),
        time_resolution_ps=protocol.time_resolution_ps,
        bed_mm=protocol.bed_mm,
        dose_fraction=dose,
        breathing_mm=float(rng.uniform(*breathing_mm)),
        artefacts=tuple(name for name in ARTEFACTS if rng.random() < artefact_share),
        axial_mm=float(rng.uniform(*protocol.axial_mm)),
        bore_mm=protocol.bore_mm,
    )


def protocols_named(name: str) -> tuple[Protocol, ...]:
    """Return the protocols of a name: one scanner, or a group ("clinical", "long_axial", "ultra_low_dose", "mixed").

    Raises:
        UsageError: No such name.
    """
    if name not in PROTOCOLS:
        raise UsageError(f"scanner {name!r}; expected one of {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]
