"""A CT of the same patient moved onto the PET's grid, rigidly, by mutual information. By SimpleITK.

The world is RAS+ in mm on both sides; SimpleITK does not mind which it is.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from seganypet.errors import MethodError
from seganypet.volume import Affine, FloatArray, Volume

AIR_HU: Final = -1000.0
"""What lies outside the CT."""

# Values between which CT tells organs apart; beyond, metal and dense bone would take the histogram's bins.
_LOWEST_HU, _HIGHEST_HU = -1000.0, 400.0
_BINS: Final = 50
_SEED: Final = 1
_ITERATIONS: Final = 100
_STEP_MM, _LAST_STEP_MM = 4.0, 0.01
# Voxels averaged into one, and by how much images are smoothed before: coarse to fine.
_SHRINK: Final = (4, 2, 1)
_SMOOTH_MM: Final = (8.0, 4.0, 0.0)
_SAMPLES: Final = 200_000
# Further than this a patient does not move between two scans on one table.
_FARTHEST_MM, _FARTHEST_DEGREES = 80.0, 15.0


@dataclass(frozen=True, eq=False)
class Registration:
    """Where the CT has to be read for each point of the PET.

    Attributes:
        transform: SimpleITK's, from PET to CT, RAS+ mm.
        volume: The PET.
    """

    transform: Any
    volume: Volume

    @property
    def shift_mm(self) -> tuple[float, float, float]:
        """From the middle of the PET's field of view to where it lies in the CT, RAS+."""
        middle = self.volume.to_xyz_mm([(n - 1) / 2 for n in self.volume.shape])
        x, y, z = np.subtract(self.transform.TransformPoint(middle), middle)
        return float(x), float(y), float(z)

    def image(self, ct: npt.NDArray[Any], affine: Affine) -> FloatArray:
        """Return a CT on the PET's grid, interpolated linearly, float32 [I, J, K]; air outside it."""
        sitk = _simple_itk()
        return self._resampled(ct.astype(np.float32), affine, sitk.sitkLinear, AIR_HU)

    def mask(self, mask: npt.NDArray[Any], affine: Affine) -> npt.NDArray[np.bool_]:
        """Return a mask on any grid of the CT on the PET's grid: that of the nearest voxel, [I, J, K]."""
        sitk = _simple_itk()
        found = self._resampled((mask > 0).astype(np.uint8), affine, sitk.sitkNearestNeighbor, 0)
        return found > 0

    def _resampled(
        self, array: npt.NDArray[Any], affine: Affine, interpolator: int, outside: float
    ) -> npt.NDArray[Any]:
        sitk = _simple_itk()
        grid = _as_sitk(self.volume.array, self.volume.affine)
        found = sitk.Resample(_as_sitk(array, affine), grid, self.transform, interpolator, outside)
        resampled: npt.NDArray[Any] = np.ascontiguousarray(sitk.GetArrayFromImage(found).transpose())
        return resampled


def register(volume: Volume, ct: npt.NDArray[Any], affine: Affine) -> Registration:
    """Return the rigid movement that brings a CT onto a PET, from where their headers place them.

    Mattes' mutual information of log(1 + SUV) and HU, from coarse to fine, on one thread and with a fixed seed: the
    same images give the same numbers.

    Args:
        volume: The PET.
        ct: HU, [I', J', K'].
        affine: Of the CT: voxel index to RAS+ world in mm.

    Raises:
        MethodError: SimpleITK is not installed; the two do not overlap, or would have to move further than a patient
            can.
    """
    sitk = _simple_itk()
    fixed = _as_sitk(np.log1p(np.maximum(volume.array, 0)), volume.affine)
    moving = _as_sitk(np.clip(ct, _LOWEST_HU, _HIGHEST_HU).astype(np.float32), affine)
    middle = volume.to_xyz_mm([(n - 1) / 2 for n in volume.shape])
    initial = sitk.Euler3DTransform()
    initial.SetCenter(middle)
    try:
        with _one_thread(sitk):
            found = _method(sitk, volume.array.size, initial).Execute(fixed, moving)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise MethodError(
            f"PET and CT cannot be registered ({reason}); do they show the same patient, in one session?"
        ) from error
    return _checked(Registration(found, volume))


def _simple_itk() -> Any:
    """Return SimpleITK."""
    try:
        return importlib.import_module("SimpleITK")
    except ImportError as error:
        raise MethodError('the CT route needs SimpleITK; pip install "seganypet[compare]"') from error


def _method(sitk: Any, voxels: int, initial: Any) -> Any:
    """Return the registration, ready to be run."""
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(_BINS)
    method.SetMetricSamplingStrategy(method.RANDOM)
    shares = [min(1.0, _SAMPLES * shrink**3 / voxels) for shrink in _SHRINK]
    method.SetMetricSamplingPercentagePerLevel(shares, _SEED)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(_STEP_MM, _LAST_STEP_MM, _ITERATIONS)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel(list(_SHRINK))
    method.SetSmoothingSigmasPerLevel(list(_SMOOTH_MM))
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetInitialTransform(initial, inPlace=False)
    return method


def _checked(registration: Registration) -> Registration:
    """Refuse a movement that no patient makes."""
    shift = float(np.linalg.norm(registration.shift_mm))
    euler = registration.transform
    if hasattr(euler, "GetNthTransform"):
        euler = euler.GetNthTransform(0)
    turned = np.rad2deg(max(abs(angle) for angle in euler.GetParameters()[:3]))
    if shift > _FARTHEST_MM or turned > _FARTHEST_DEGREES:
        raise MethodError(
            f"the CT would have to move by {shift:.0f} mm and turn by {turned:.0f} degrees to fit the PET; is it of "
            "the same patient and session?"
        )
    return registration


def _as_sitk(array: npt.NDArray[Any], affine: Affine) -> Any:
    """Return an array [I, J, K] as SimpleITK's image, its world RAS+."""
    sitk = _simple_itk()
    spacing_mm = np.linalg.norm(affine[:3, :3], axis=0)
    image = sitk.GetImageFromArray(np.ascontiguousarray(array.transpose()))
    image.SetSpacing(spacing_mm.tolist())
    image.SetDirection((affine[:3, :3] / spacing_mm).ravel().tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    return image


@contextmanager
def _one_thread(sitk: Any) -> Iterator[None]:
    """Have SimpleITK compute on one thread: with several, sums are taken in another order each time."""
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)
