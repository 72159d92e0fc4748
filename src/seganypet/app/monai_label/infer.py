"""Inference: a client's clicks to a mask in the file format that it wants."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from seganypet.app.model import SharedModel
from seganypet.app.monai_label.images import SeenImage
from seganypet.app.problems import RequestError
from seganypet.app.wire import Point
from seganypet.io.nrrd import nrrd_bytes
from seganypet.io.write import write_nifti
from seganypet.targets import LESION
from seganypet.volume import BoolArray, Mask

# Nobody clicks so often; each may cost a run of the network.
_MOST_CLICKS: Final = 500
_Points = Annotated[list[Point], Field(max_length=_MOST_CLICKS)]


class InferParams(BaseModel):
    """What a client sends with the clicks, of which only this is used here.

    Attributes:
        label: Name of the target; it changes nothing, clicks say what is meant.
        foreground: Positive clicks, voxels of the client's image, in order.
        background: Negative clicks likewise.
        result_extension: Format of the mask.
        result_dtype: Type of its voxels, 0 and 1.
        result_compress: Whether an NRRD file is compressed.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    label: Annotated[str, StringConstraints(max_length=200)] = ""
    foreground: _Points = []
    background: _Points = []
    result_extension: Literal[".nii.gz", ".nii", ".nrrd"] = ".nii.gz"
    result_dtype: Literal["uint8", "int16", "uint16", "int32", "uint32", "float32"] = "uint8"
    result_compress: bool = True

    @classmethod
    def of(cls, params: dict[str, Any]) -> InferParams:
        """Return the parameters of a request.

        Raises:
            RequestError: Some are not as they should be.
        """
        try:
            return cls.model_validate(params)
        except ValidationError as error:
            found = [f"params.{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:5]]
            raise RequestError("; ".join(found)) from error


@dataclass(frozen=True)
class Answer:
    """What an inference led to.

    Attributes:
        params: What the client is told of it.
        mask: On the grid that the client counts voxels on.
    """

    params: dict[str, Any]
    mask: Mask


def answer(
    image: SeenImage, wanted: InferParams, model: SharedModel, start: BoolArray | None = None
) -> Answer:
    """Return what the model makes of clicks.

    Args:
        image: That was clicked.
        wanted: The clicks.
        model: The model that all scans share.
        start: A mask on the image's own grid, that the clicks correct.

    Raises:
        PromptError: As for `ClickLists.mask`, or a click outside the image.
        WeightsError: The model cannot be loaded.
    """
    began = time.perf_counter()
    positive = image.voxels(wanted.foreground, "foreground")
    negative = image.voxels(wanted.background, "background")
    on_scan = None if start is None else image.scan.orientation.apply(start)
    with image.scan.lock:
        lists = image.scan.assistant(model).lists
        found = lists.mask(positive, negative, on_scan)
        dice = lists.expected_dice
    seconds = round(time.perf_counter() - began, 3)
    label = wanted.label or LESION
    params: dict[str, Any] = {
        "label": label,
        "label_names": {label: 1},
        "centroids": {},  # OHIF's earlier panel fails without
        "latencies": {"infer": seconds, "total": seconds},
        "model": model.name,
    }
    if dice is not None:
        params["expected_dice"] = round(dice, 4)
    return Answer(params, image.mask(found))


def mask_file(mask: Mask, wanted: InferParams) -> bytes:
    """Return a mask as the bytes of a file of the wanted format, on its own grid."""
    array = mask.array.astype(wanted.result_dtype)
    if wanted.result_extension == ".nrrd":
        return nrrd_bytes(array, mask.affine, compress=wanted.result_compress)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"mask{wanted.result_extension}")
        write_nifti(array, mask.affine, mask.source, path, "mask")
        return path.read_bytes()
