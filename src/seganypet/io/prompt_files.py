"""Files of clicks: SegAnyPET's own, autoPET's, and Grand Challenge's "Multiple points".

SegAnyPET's own file::

    {"version": 1, "image": "pet.nii.gz", "space": "voxel",
     "grid": {"shape": [I, J, K], "affine": [[...], [...], [...], [...]]},
     "objects": [{"id": 1, "name": "lesion",
                  "prompts": [{"type": "point", "xyz": [i, j, k], "label": 1, "t": 0}]}]}

``space`` is "voxel" (indices in the image's own order), "ras_mm" or "lps_mm"; ``label`` is 1 inside the
target and 0 outside; ``image``, ``grid``, ``name`` and ``t`` (the order of the prompts) may be missing.
The autoPET formats hold voxel indices of the PET and no grid.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from seganypet.errors import GeometryError, PromptError
from seganypet.io.nifti import naming
from seganypet.io.write import write_json
from seganypet.prompts.click import Click
from seganypet.volume import Affine, Volume

_VERSION = 1
_SPACES = ("voxel", "ras_mm", "lps_mm")
_AUTOPET_KEYS = ("tumor", "background")
_FORMATS = 'SegAnyPET ("version", "space", "objects"), autoPET ("tumor", "background") or "Multiple points"'
_GRID_TOLERANCE_MM = 1e-3

Point = tuple[float, float, float]


def read_prompts(
    path: str | Path,
    volume: Volume,
    *,
    object_name: str | None = None,
    object_id: int | None = None,
) -> list[Click]:
    """Return the clicks of a prompt file in the order in which they were made.

    In the autoPET formats the first tumour point comes first, then the first background point, and so on:
    step n of the challenge uses the first n of each.

    Args:
        path: A JSON file in one of the three formats.
        volume: The image that was clicked on.
        object_name: Name of the object whose clicks are wanted, where the file holds several.
        object_id: Its id, instead of or together with its name.

    Raises:
        PromptError: Missing or damaged file, unknown format, prompts other than points, an ambiguous or
            absent object, or a point outside the image.
        GeometryError: The file was made for another voxel grid.
    """
    path = Path(path)
    content = _load(path)
    with naming(path):
        if "objects" in content:
            return _own(content, volume, object_name, object_id)
        if object_name is not None or object_id is not None:
            raise PromptError("this format holds one object; leave the object's name and id out")
        if content.get("type") == "Multiple points":
            return _autopet(_by_name(content), volume)
        if content and set(content) <= set(_AUTOPET_KEYS):
            return _autopet(content, volume)
        found = ", ".join(sorted(content)[:8]) or "nothing"
        raise PromptError(f"unknown prompt format (keys: {found}); expected {_FORMATS}")


def prompt_objects(path: str | Path) -> list[tuple[str | None, int | None]]:
    """Return name and id of each object of a SegAnyPET prompt file; of autoPET's formats nothing: theirs has none.

    Raises:
        PromptError: Missing or damaged file.
    """
    path = Path(path)
    content = _load(path)
    with naming(path):
        return [(found.get("name"), found.get("id")) for found in _list_of_dicts(content, "objects")]


def write_prompts(
    clicks: Sequence[Click], volume: Volume, path: str | Path, *, object_name: str = "lesion"
) -> None:
    """Write clicks as a SegAnyPET prompt file in voxel space, with the volume's grid.

    Raises:
        PromptError: A click outside the volume.
        OutputError: The file cannot be written.
    """
    for number, click in enumerate(clicks, start=1):
        _check_inside(click.ijk, volume, f"click {number}")
    content = prompts_of({1: (object_name, clicks)}, volume.source.path, volume.shape, volume.affine)
    write_json(content, path)


def prompts_of(
    objects: Mapping[int, tuple[str, Sequence[Click]]],
    image: str,
    shape: tuple[int, int, int],
    affine: Affine,
) -> dict[str, Any]:
    """Return clicks of several objects as a SegAnyPET prompt file holds them, in voxel space.

    Args:
        objects: By id, name and clicks in the image's own voxels.
        image: Path of the image, of which the name alone is kept: folders may name the patient.
        shape: Of the image.
        affine: Likewise.
    """
    return {
        "version": _VERSION,
        "image": Path(image).name,
        "space": "voxel",
        "grid": {"shape": list(shape), "affine": affine.tolist()},
        "objects": [
            {
                "id": number,
                "name": name,
                "prompts": [
                    {"type": "point", "xyz": list(click.ijk), "label": int(click.positive), "t": t}
                    for t, click in enumerate(clicks)
                ],
            }
            for number, (name, clicks) in objects.items()
        ],
    }


def _load(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise PromptError(f"{path}: no such prompt file; check the path") from None
    except (OSError, ValueError, RecursionError) as error:
        raise PromptError(f"{path}: is no readable JSON ({error}); expected {_FORMATS}") from error
    if not isinstance(content, dict):
        raise PromptError(f"{path}: holds a {type(content).__name__}, not an object; expected {_FORMATS}")
    return content


def _own(
    content: Mapping[str, Any], volume: Volume, object_name: str | None, object_id: int | None
) -> list[Click]:
    if content.get("version") != _VERSION:
        raise PromptError(
            f"prompt file version {content.get('version')!r}; expected {_VERSION}; export the clicks anew"
        )
    space = content.get("space")
    if space not in _SPACES:
        raise PromptError(f"space {space!r}; expected one of {', '.join(_SPACES)}")
    if content.get("grid") is not None:
        _check_grid(content["grid"], volume)
    prompts = _list_of_dicts(_chosen(content, object_name, object_id), "prompts")
    if all("t" in prompt for prompt in prompts):
        prompts = sorted(prompts, key=lambda prompt: _number(prompt["t"], "t"))
    return [_own_click(prompt, space, volume, n) for n, prompt in enumerate(prompts, start=1)]


def _own_click(prompt: Mapping[str, Any], space: str, volume: Volume, number: int) -> Click:
    where = f"prompt {number}"
    if prompt.get("type") != "point":
        raise PromptError(f'{where} is of type {prompt.get("type")!r}; only "point" is read from a file')
    label = prompt.get("label")
    if type(label) is not int or label not in (0, 1):
        raise PromptError(f"{where} has label {label!r}; expected 1 (inside the target) or 0 (outside)")
    point = _point(prompt.get("xyz"), where)
    if space == "voxel":
        ijk = point
    else:
        sign = -1.0 if space == "lps_mm" else 1.0
        ijk = volume.to_ijk((sign * point[0], sign * point[1], point[2]))
        where = f"{where}, {space} {_shown(point)},"
    _check_inside(ijk, volume, where)
    return Click(ijk, positive=label == 1)


def _chosen(content: Mapping[str, Any], name: str | None, number: int | None) -> Mapping[str, Any]:
    """Return the one object that fits the name and id, where they are given."""
    objects = _list_of_dicts(content, "objects")
    fitting = [
        o
        for o in objects
        if (name is None or o.get("name") == name) and (number is None or o.get("id") == number)
    ]
    if len(fitting) == 1:
        return fitting[0]
    held = ", ".join(f"{o.get('name')!r} (id {o.get('id')})" for o in objects) or "none"
    wanted = " and ".join(
        text for text, value in ((f"name {name!r}", name), (f"id {number}", number)) if value is not None
    )
    raise PromptError(
        f"{len(fitting)} objects{' with ' + wanted if wanted else ''}; expected one: choose by name or id "
        f"among {held}"
    )


def _check_grid(grid: Any, volume: Volume) -> None:
    try:
        shape = tuple(int(n) for n in grid["shape"])
        affine = np.asarray(grid["affine"], dtype=np.float64)
    except (TypeError, KeyError, ValueError) as error:
        raise PromptError(f"unreadable grid ({error!r}); expected a shape and a 4×4 affine") from error
    if affine.shape != (4, 4):
        raise PromptError(f"grid with an affine of shape {affine.shape}; expected 4×4")
    if shape != volume.shape or not np.allclose(affine, volume.affine, rtol=0, atol=_GRID_TOLERANCE_MM):
        raise GeometryError(
            f"made for a grid of shape {shape} with affine {_rows(affine)}, but the image has shape "
            f"{volume.shape} with affine {_rows(volume.affine)} (voxels up to {volume.farthest_mm(affine):.3g} mm "
            "apart); use the image that was clicked on"
        )


def _by_name(content: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the points of a "Multiple points" file per name, as autoPET's own format has them."""
    points: dict[str, list[Any]] = {name: [] for name in _AUTOPET_KEYS}
    for number, entry in enumerate(_list_of_dicts(content, "points"), start=1):
        name = entry.get("name")
        if name not in points:
            raise PromptError(f'point {number} is named {name!r}; expected "tumor" or "background"')
        points[name].append(entry.get("point"))
    return points


def _autopet(points: Mapping[str, Any], volume: Volume) -> list[Click]:
    """Return tumour and background clicks in turn."""
    lists = [
        [
            _autopet_click(point, name, number, volume)
            for number, point in enumerate(_list(points, name), start=1)
        ]
        for name in _AUTOPET_KEYS
    ]
    return [click for pair in zip_longest(*lists) for click in pair if click is not None]


def _autopet_click(value: Any, name: str, number: int, volume: Volume) -> Click:
    where = f"{name} point {number}"
    ijk = _point(value, where)
    if any(c != round(c) for c in ijk):
        raise PromptError(
            f"{where} is at {_shown(ijk)}, no whole voxel index: are these mm? "
            'give them as a SegAnyPET prompt file with "space": "ras_mm" or "lps_mm"'
        )
    _check_inside(ijk, volume, where)
    return Click(ijk, positive=name == "tumor")


def _check_inside(ijk: Point, volume: Volume, where: str) -> None:
    if not volume.contains(ijk):
        raise PromptError(
            f"{where} at voxel {_shown(ijk)} lies outside the image of shape {volume.shape}; "
            "is this the image that was clicked on?"
        )


def _list(content: Mapping[str, Any], key: str) -> list[Any]:
    value = content.get(key, [])
    if not isinstance(value, list):
        raise PromptError(f'"{key}" is {value!r:.60}; expected a list')
    return value


def _list_of_dicts(content: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    values = _list(content, key)
    for value in values:
        if not isinstance(value, dict):
            raise PromptError(f'"{key}" holds {value!r:.60}; expected objects with named fields')
    return values


def _point(value: Any, where: str) -> Point:
    if not isinstance(value, list) or len(value) != 3:
        raise PromptError(f"{where} is at {value!r:.60}; expected three numbers")
    x, y, z = (_number(c, where) for c in value)
    return x, y, z


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise PromptError(f"{where} holds {value!r:.60}; expected a finite number")
    return float(value)


def _shown(point: Point) -> str:
    return "(" + ", ".join(f"{c:g}" for c in point) + ")"


def _rows(affine: Any) -> list[list[float]]:
    return [[round(float(value), 3) for value in row] for row in affine[:3]]
