"""Write masks, volumes and JSON: whole files, or nothing."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
from nibabel.spatialimages import HeaderDataError

from seganypet.errors import OutputError
from seganypet.volume import Affine, Mask, Source, Volume

_LONGEST_AXIS = 32767
_SCANNER = 1  # NIfTI code NIFTI_XFORM_SCANNER_ANAT: coordinates of the scanner
# NIfTI-1 keeps its affine in float32: at 1 m from the origin that is 6e-5 mm.
_SAME_AFFINE_MM = 1e-3


def write_mask(mask: Mask, path: str | Path) -> None:
    """Write a mask as NIfTI, uint8 0 and 1, on the grid of the image it belongs to.

    The sform and qform are those of the file the image was read from; for an image from DICOM or memory
    both hold the mask's affine with code 1 (scanner coordinates).

    Args:
        mask: The mask.
        path: A .nii or .nii.gz file; its folder is created, an existing file is replaced.

    Raises:
        OutputError: Another suffix, a path that is a folder, that cannot be written, or that is the file
            the image came from.
    """
    write_nifti(mask.array.astype(np.uint8), mask.affine, mask.source, Path(path), "mask")


def write_volume(volume: Volume, path: str | Path) -> None:
    """Write a volume as NIfTI, float32 SUVbw; otherwise as `write_mask`.

    Raises:
        OutputError: As for `write_mask`.
    """
    write_nifti(volume.array, volume.affine, volume.source, Path(path), "SUVbw")


def write_json(value: Any, path: str | Path) -> None:
    """Write a value as indented UTF-8 JSON; numpy values, paths, dates and dataclasses are converted.

    Raises:
        OutputError: NaN, infinity or a type without a JSON form; a path that cannot be written.
    """
    path = Path(path)
    try:
        encoded = f"{json_text(value)}\n".encode()
    except (TypeError, ValueError) as error:
        raise OutputError(f"{path}: no JSON form ({error}); use None for missing numbers") from error
    with atomic_path(path) as temporary:
        temporary.write_bytes(encoded)


def json_text(value: Any) -> str:
    """Return a value as indented JSON; see `write_json`.

    Raises:
        TypeError, ValueError: NaN, infinity or a type without a JSON form.
    """
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False, default=_to_json)


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path in the same folder, which takes the place of `path` when the block succeeds.

    On any failure inside, neither the temporary file nor folders created for it remain, and an existing
    file at `path` is as it was.

    Raises:
        OutputError: The folder cannot be created or written to, or `path` is a folder.
    """
    temporary: Path | None = None
    created: list[Path] = []
    try:
        if path.is_dir():
            raise OutputError(f"{path}: is a folder; give the name of a file")
        target = Path(os.path.realpath(path))  # through a link, so that the link stays one
        temporary = target.with_name(f".{uuid.uuid4().hex}{''.join(target.suffixes[-2:])}")
        created = [folder for folder in target.parents if not folder.exists()]
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(target)
    except OSError as error:
        _discard(temporary, created)
        raise OutputError(
            f"{path}: cannot be written ({error.strerror or error}); choose another folder or free space"
        ) from error
    except BaseException:
        _discard(temporary, created)
        raise


def check_new_folder(folder: Path, *, purpose: str) -> None:
    """Refuse a folder that is not new or empty.

    Args:
        folder: Where something is to be written.
        purpose: What it is for, to end the sentence "choose a new folder for".

    Raises:
        OutputError: It holds files, is a file, or cannot be looked into.
    """
    try:
        taken = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be written ({error.strerror or error}); choose another folder"
        ) from error
    if taken:
        raise OutputError(f"{folder}: is there already and not empty; choose a new folder for {purpose}")


def _discard(temporary: Path | None, created: list[Path]) -> None:
    """Remove what a failed write left; the error that led here is the one to report."""
    with suppress(OSError):
        if temporary is not None:
            temporary.unlink()
    for folder in created:  # innermost first
        with suppress(OSError):
            folder.rmdir()


def write_nifti(array: npt.NDArray[Any], affine: Affine, source: Source, path: Path, content: str) -> None:
    """Write any array of a grid as NIfTI; see `write_mask`.

    Args:
        array: Values [I, J, K], in the type to be stored.
        affine: float64 [4, 4], voxel index to RAS+ world in mm.
        source: Where the grid came from.
        path: A .nii or .nii.gz file.
        content: What the values are, for the header's description.

    Raises:
        OutputError: As for `write_mask`.
    """
    _check_output_name(path, source)
    if max(array.shape) > _LONGEST_AXIS:
        raise OutputError(
            f"{path}: NIfTI counts up to {_LONGEST_AXIS} voxels an axis, not {array.shape}; crop"
        )
    header = _header(array, affine, source)
    header["descrip"] = f"SegAnyPET {content}".encode()
    with atomic_path(path) as temporary:
        new_image: Any = nib.Nifti1Image
        nib.save(new_image(array, None, header), temporary)


def nifti_bytes(array: npt.NDArray[Any], affine: Affine) -> bytes:
    """Return an array as the bytes of an uncompressed NIfTI file, its affine as sform and qform.

    Args:
        array: Values [I, J, K], in the type to be stored.
        affine: float64 [4, 4], voxel index to RAS+ world in mm.
    """
    header = _header(array, affine, Source())
    header["magic"], header["vox_offset"] = b"n+1", 352
    return (
        bytes(header.binaryblock) + b"\0" * 4 + array.astype(array.dtype.newbyteorder("<")).tobytes(order="F")
    )


def _check_output_name(path: Path, source: Source) -> None:
    name = path.name.lower()
    if name.endswith(".dcm"):
        raise OutputError(
            f"{path}: writing DICOM SEG and RTSTRUCT is not available yet; use a name that ends in .nii.gz"
        )
    if not name.endswith((".nii", ".nii.gz")):
        raise OutputError(f"{path}: unknown suffix {path.suffix!r}; use .nii.gz or .nii")
    if name.startswith(".nii"):
        raise OutputError(f"{path}: the file has no name before its suffix; use for example mask.nii.gz")
    if source.path and path.exists() and Path(source.path).exists() and path.samefile(source.path):
        raise OutputError(f"{path}: is the image itself and would be overwritten; choose another name")


def _header(array: npt.NDArray[Any], affine: Affine, source: Source) -> Any:
    """Return a header with the source's sform and qform, or with the affine in both."""
    header = _empty_header(array, affine)
    if source.kind == "nifti":
        for name, transform in (("qform", source.qform), ("sform", source.sform)):
            if transform is not None:
                getattr(header, f"set_{name}")(transform[0], code=transform[1])
        if np.allclose(header.get_best_affine(), affine, rtol=0, atol=_SAME_AFFINE_MM):
            return header
        header = _empty_header(array, affine)  # cropped or resampled since it was read
    header.set_sform(affine, code=_SCANNER)
    try:
        header.set_qform(affine, code=_SCANNER, strip_shears=False)
    except HeaderDataError:  # a quaternion cannot hold shears: leave the sform alone to speak
        header.set_qform(None, code=0)
    return header


def _empty_header(array: npt.NDArray[Any], affine: Affine) -> Any:
    new_header: Any = nib.Nifti1Header  # nibabel leaves its methods untyped
    header = new_header()
    header.set_data_dtype(array.dtype)
    header.set_data_shape(array.shape)
    header.set_zooms(np.linalg.norm(affine[:3, :3], axis=0))
    header.set_xyzt_units("mm")
    return header


def _to_json(value: Any) -> Any:
    """Return the JSON form of a value that `json` does not know."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
