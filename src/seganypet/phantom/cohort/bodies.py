"""Bodies of a cohort: procedural ones, or those of label maps on disk."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from seganypet.errors import ImageReadError, UsageError
from seganypet.io.nifti import load_nifti, naming
from seganypet.phantom.anatomy.body_map import Anatomy, LabelArray
from seganypet.phantom.anatomy.label_maps import anatomy_from_label_map
from seganypet.volume import Affine


def read_anatomy(
    path: Path,
    seed: int,
    *,
    spacing_mm: Sequence[float] = (4.0, 4.0, 4.0),
    tissues: Mapping[str, str] | None = None,
) -> Anatomy:
    """Return the body of a label map on disk, at a size and in a posture that the seed decides.

    Args:
        path: NIfTI label map; `{id: name}` in a JSON file of the same name beside it.
        seed: The same seed gives the same body.
        spacing_mm: Voxel size along x, y, z, in mm.
        tissues: One's own table, label name to tissue name.

    Raises:
        ImageReadError: A file is missing or unreadable.
        GeometryError, UsageError: As for `anatomy_from_label_map`; the message begins with the path.
    """
    label_map, affine, names = read_label_map(path)
    rng = np.random.default_rng([seed, 1])
    with naming(path):
        return anatomy_from_label_map(label_map, affine, names, rng, spacing_mm=spacing_mm, tissues=tissues)


def read_label_map(path: Path) -> tuple[LabelArray, Affine, dict[int, str]]:
    """Return ids int16 [I, J, K], the affine to RAS+ world in mm, and the name of every id.

    Raises:
        ImageReadError: A file is missing or unreadable.
        GeometryError: The map is not 3D, or its affine is unusable.
        UsageError: It holds values that are no ids: fractions, negative ones, or above 32767.
    """
    image = load_nifti(path)
    ids = image.array.astype(np.int16, casting="unsafe")
    if not np.array_equal(ids, image.array) or (ids < 0).any():
        raise UsageError(
            f"{path}: holds values from {image.array.min():g} to {image.array.max():g} that are no ids; expected whole "
            "numbers from 0 to 32767, as label maps have"
        )
    return ids, image.affine, _names(names_path(path))


def read_tissue_table(path: Path) -> dict[str, str]:
    """Return a table {label name: tissue name} from a JSON file.

    Raises:
        ImageReadError: It is missing, or holds something else.
    """
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ImageReadError(f"{path}: cannot be read as {{label name: tissue name}} ({error})") from error
    if not isinstance(table, dict) or not all(isinstance(tissue, str) for tissue in table.values()):
        raise ImageReadError(f"{path}: is no table {{label name: tissue name}}; give one object of strings")
    return table


def names_path(path: Path) -> Path:
    """Return where the names of a label map lie: x.json beside x.nii.gz."""
    name = path.name
    for suffix in (".nii.gz", ".nii"):
        name = name.removesuffix(suffix)
    return path.with_name(name + ".json")


def _names(path: Path) -> dict[int, str]:
    try:
        return {int(key): str(name) for key, name in json.loads(path.read_text()).items()}
    except (OSError, ValueError, AttributeError) as error:
        raise ImageReadError(
            f"{path}: cannot be read as names {{id: name}} ({error}); write the names of the label map's ids there"
        ) from error
