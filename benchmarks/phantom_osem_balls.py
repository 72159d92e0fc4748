"""Hot balls in a phantom: how much of their contrast and of their edge a scanner leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage, optimize

from seganypet.phantom import Anatomy

Array = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
# Image of an activity, for a seed; None: without noise.
Scan = Callable[[Array, int | None], Array]
TISSUES = {
    "liver": ("liver",),
    "spleen": ("spleen",),
    "kidney": ("kidney_",),
    "blood": ("heart_blood", "aorta"),
    "spine": ("vertebrae_",),
    "lung": ("lung_",),
    "muscle": ("skeletal_muscle", "autochthon", "gluteus", "iliopsoas"),
    "inner fat": ("torso_fat",),
    "outer fat": ("subcutaneous_fat",),
    "bladder": ("urinary_bladder",),
}
BALLS_MM = (8, 10, 13, 17, 22, 28, 40)
FWHM_PER_SIGMA = 2.3548


def tissue(anatomy: Anatomy, name: str) -> Mask:
    """Return the voxels of a row of `TISSUES`, without those at its border."""
    parts = [n for n in anatomy.names.values() if n.startswith(TISSUES[name])]
    return np.asarray(ndimage.binary_erosion(anatomy.mask(*parts)))


def reference(anatomy: Anatomy) -> str:
    """Return the row of `TISSUES` that noise is quoted in: the liver, or muscle in a slab without one."""
    return "liver" if tissue(anatomy, "liver").any() else "muscle"


def with_ball(
    activity: Array, anatomy: Anatomy, organ: str, diameter_mm: float, times: float
) -> tuple[Array, Array, Array]:
    """Return activity with a hot ball deep in an organ, how far it fills each voxel, and distances in mm from it."""
    inside = ndimage.distance_transform_edt(tissue(anatomy, organ), sampling=anatomy.spacing_mm)
    inside[..., : inside.shape[2] // 4] = 0
    inside[..., -(inside.shape[2] // 4) :] = 0
    centre = np.unravel_index(int(inside.argmax()), inside.shape)
    fine = (np.arange(5) - 2) / 5  # five points a side in every voxel
    x, y, z = (
        ((np.arange(n)[:, None] + fine - c) * s).ravel()
        for n, c, s in zip(activity.shape, centre, anatomy.spacing_mm, strict=True)
    )
    radius = np.sqrt(x[:, None, None] ** 2 + y[None, :, None] ** 2 + z[None, None, :] ** 2)
    i, j, k = activity.shape
    cover = (radius < diameter_mm / 2).reshape(i, 5, j, 5, k, 5).mean(axis=(1, 3, 5)).astype(np.float32)
    return activity * (1 + (times - 1) * cover), cover, radius[2::5, 2::5, 2::5]


def contrast_table(scans: dict[str, Scan], activity: Array, anatomy: Anatomy) -> None:
    """Print the contrast that a ball of 4:1 keeps, in its mean and its highest voxel, and the width of its edge."""
    print("\ncontrast recovery without noise: mean over the ball / highest voxel; 10-90 % width of the edge")
    plain = {name: scan(activity, None) for name, scan in scans.items()}
    for organ in ("liver", "lung"):
        if not tissue(anatomy, organ).any():
            continue
        for diameter in BALLS_MM:
            hot, cover, radius = with_ball(activity, anatomy, organ, diameter, 4.0)
            truth = 3 * float(activity.flat[int(radius.argmin())])
            line = f"{organ:6} {diameter:3d} mm"
            for name, scan in scans.items():
                gain = (scan(hot, None) - plain[name]) / truth
                line += f"   {name}: {gain[cover > 0.5].mean():.2f} / {gain.max():.2f}"
                if diameter == BALLS_MM[-1]:
                    line += f", edge {edge_width_mm(gain, radius):.1f} mm"
            print(line)


def edge_width_mm(gain: Array, radius: Array) -> float:
    """Return over what distance a ball's edge falls from 90 to 10 percent."""
    rings = np.arange(0.0, 45.0)
    profile = np.array([np.median(gain[np.abs(radius - r) < 1.5]) for r in rings])
    profile = np.minimum.accumulate(profile / np.median(profile[:8]))
    far, near = (float(np.interp(-share, -profile, rings)) for share in (0.1, 0.9))
    return far - near


def equal_fwhm_mm(scan: Scan, activity: Array, anatomy: Anatomy) -> tuple[float, float]:
    """Return the widths, in the slice and across, of the Gaussian that blurs a ball of 17 mm as a scanner does."""
    hot, _, radius = with_ball(activity, anatomy, reference(anatomy), 17, 4.0)
    added, seen = hot - activity, scan(hot, None) - scan(activity, None)

    def misfit(fwhm_mm: npt.NDArray[np.float64]) -> float:
        blurred = gaussian(added, anatomy.spacing_mm, (fwhm_mm[0], fwhm_mm[0], fwhm_mm[1]))
        return float(((blurred - seen)[radius < 25] ** 2).mean())

    found = optimize.minimize(
        misfit, np.array([6.0, 6.0]), method="Nelder-Mead", options={"xatol": 0.02, "fatol": 1e-9}
    )
    return float(found.x[0]), float(found.x[1])


def gaussian(image: Array, spacing_mm: Sequence[float], fwhm_mm: Sequence[float]) -> Array:
    """Return an image blurred by a Gaussian."""
    sigma = [abs(w) / FWHM_PER_SIGMA / s for w, s in zip(fwhm_mm, spacing_mm, strict=True)]
    return np.asarray(ndimage.gaussian_filter(image, sigma, mode="nearest"))
