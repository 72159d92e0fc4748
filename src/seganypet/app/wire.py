"""What goes over HTTP: requests as they are checked, replies as they are described.

Voxels are counted on the scan's grid with its axes nearest to right, anterior and superior (`ScanReply.affine` leads
from there to RAS+ mm); positions in mm are the same whatever the grid.
"""

from __future__ import annotations

import base64
import zlib
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, StringConstraints

from seganypet.app.changes import Change
from seganypet.app.history import Action, Described
from seganypet.app.reading import Reading
from seganypet.preprocessing.cropping import bounding_box
from seganypet.volume import FloatArray

# Of 255: what is not worth showing.
_SURE = 12

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
Colour = Annotated[str, StringConstraints(pattern="^#[0-9a-f]{6}$")]
Point = tuple[FiniteFloat, FiniteFloat, FiniteFloat]
Voxel = tuple[int, int, int]
SeriesUid = Annotated[str, StringConstraints(pattern=r"^[0-9.]{1,64}$")]
Id = Annotated[str, StringConstraints(pattern="^[0-9a-f]{16}$")]
Rule = Literal["41%", "50%", "2.5", "4.0", "liver"]


class Request(BaseModel):
    """A body whose fields are all known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ScanRequest(Request):
    """A scan of the served folder."""

    path: Annotated[str, StringConstraints(max_length=4096)] = Field(
        description="Relative to the served folder"
    )
    series_uid: SeriesUid | None = None


class SecondRequest(Request):
    """A CT or MR of the served folder to be shown with a scan; without a path, none."""

    path: Annotated[str, StringConstraints(max_length=4096)] | None = None


class RemoteSeriesRequest(Request):
    """A series of the DICOMweb server."""

    study_uid: SeriesUid
    series_uid: SeriesUid
    name: Name
    second_of: Id | None = Field(
        default=None, description="Scan to show it with; without one it is a scan itself"
    )


class ReadingRequest(Request):
    """Whose reading."""

    reader: Name
    assisted: bool = Field(
        default=True, description="Whether the model may be used; false for a manual reading"
    )


class LeaseRequest(Request):
    """To work on a reading."""

    lease: Id | None = Field(default=None, description="The one that is held, to renew it")
    take_over: bool = Field(default=False, description="End somebody else's")


class ObjectRequest(Request):
    """A new object."""

    name: Name
    colour: Colour | None = None


class DescribeRequest(Request):
    """What of an object to change."""

    name: Name | None = None
    colour: Colour | None = None


class ClickRequest(Request):
    """A click: where, by one of the two, and which side."""

    xyz_mm: Point | None = Field(default=None, description="RAS+ world position in mm")
    ijk: Point | None = Field(default=None, description="Voxel coordinate")
    positive: bool = True
    snap_mm: Annotated[float, Field(ge=0, le=50)] = Field(
        default=0.0, description="Move to the hottest voxel within this radius"
    )


class BoxRequest(Request):
    """Two voxels between which the target lies."""

    ijk_min: Point
    ijk_max: Point


class StrokeRequest(Request):
    """A line of the brush."""

    points_mm: Annotated[list[Point], Field(min_length=1, max_length=2000)]
    radius_mm: Annotated[float, Field(gt=0, le=100)]
    erase: bool = False
    plane: Literal["sagittal", "coronal", "axial"] | None = Field(
        default=None, description="Paint in this slice alone; without it, a ball"
    )


class ThresholdRequest(Request):
    """A threshold inside the neighbourhood of an object's mask; gives another object."""

    rule: Rule
    liver_mm: Point | None = Field(
        default=None, description="Centre of a 3 cm sphere in the liver, for that rule"
    )


class MaskRequest(Request):
    """A mask: a box of voxels as bits, last axis fastest, zlib-compressed, base64."""

    start: Voxel
    shape: tuple[
        Annotated[int, Field(ge=1, le=4096)],
        Annotated[int, Field(ge=1, le=4096)],
        Annotated[int, Field(ge=1, le=4096)],
    ]
    bits: Annotated[str, StringConstraints(max_length=1 << 26)]


class BitsReply(BaseModel):
    """A box of voxels as bits, last axis fastest, zlib-compressed, base64."""

    start: Voxel
    shape: Voxel
    bits: str

    @classmethod
    def of(cls, change: Change | None) -> BitsReply | None:
        """Return a change for the wire."""
        if change is None:
            return None
        return cls(start=change.start, shape=change.shape, bits=base64.b64encode(change.packed()).decode())


class ClickReply(BaseModel):
    """A click in effect."""

    ijk: Point
    positive: bool


class ObjectReply(BaseModel):
    """An object, its mask apart."""

    id: int
    name: str
    colour: str
    clicks: list[ClickReply]

    @classmethod
    def of(cls, described: Described) -> ObjectReply:
        """Return an object for the wire."""
        clicks = [ClickReply(ijk=click.ijk, positive=click.positive) for click in described.clicks]
        return cls(id=described.id, name=described.name, colour=described.colour, clicks=clicks)


class StateReply(BaseModel):
    """Where a reading is."""

    id: str
    scan_id: str
    reader: str
    assisted: bool
    objects: list[ObjectReply]
    undo: str | None = Field(description="What undo would take back")
    redo: str | None = Field(description="What redo would do again")
    actions: int = Field(description="How many actions are in effect")

    @classmethod
    def of(cls, reading: Reading) -> StateReply:
        """Return a reading for the wire."""
        return cls(
            id=reading.id,
            scan_id=reading.scan_id,
            reader=reading.reader,
            assisted=reading.assisted,
            objects=[ObjectReply.of(described) for described in reading.objects.values()],
            undo=reading.undoable.kind if reading.undoable else None,
            redo=reading.redoable.kind if reading.redoable else None,
            actions=len(reading.actions),
        )


class ReadingReply(StateReply):
    """Where a reading is, with all masks and what the page stored."""

    masks: dict[int, BitsReply]
    view: dict[str, Any]


class EditReply(BaseModel):
    """What an action did: the voxels of one object that turn over, and where the reading is now."""

    kind: str
    object_id: int
    seconds: float = Field(description="How long the server took")
    change: BitsReply | None
    ijk: Point | None = Field(default=None, description="Where the click went, after snapping")
    expected_dice: float | None = Field(default=None, description="How good the mask is likely to be, 0 to 1")
    state: StateReply

    @classmethod
    def of(cls, action: Action, reading: Reading) -> EditReply:
        """Return an action for the wire."""
        return cls(
            kind=action.kind,
            object_id=action.object_id,
            seconds=action.seconds,
            change=BitsReply.of(action.change),
            ijk=action.details.get("ijk"),
            expected_dice=action.details.get("expected_dice"),
            state=StateReply.of(reading),
        )


class UncertaintyReply(BaseModel):
    """A box of voxels: entropy of target against background, 0 to 255 for 0 to ln 2 nats, zlib-compressed, base64."""

    start: Voxel
    shape: Voxel
    levels: str

    @classmethod
    def of(cls, entropy: FloatArray) -> UncertaintyReply | None:
        """Return an entropy, float32 [I, J, K] in nats, for the wire; None where it is too small to show anywhere."""
        levels = np.minimum(np.rint(entropy * (255 / np.log(2))), 255).astype(np.uint8)
        box = bounding_box(levels > _SURE)
        if box is None:
            return None
        i, j, k = (part.start for part in box)
        a, b, c = levels[box].shape
        packed = zlib.compress(levels[box].tobytes(), 1)
        return cls(start=(i, j, k), shape=(a, b, c), levels=base64.b64encode(packed).decode())


class HealthReply(BaseModel):
    """Whether a server is well."""

    status: Literal["ok"]
    model_ready: bool


class LeaseReply(BaseModel):
    """The right to work on a reading."""

    lease: str = Field(description="To be sent as X-Lease with every change")
    seconds: float = Field(description="How long it lasts without a change or renewal")


class ReadingEntry(BaseModel):
    """A reading in a list."""

    id: str
    reader: str
    assisted: bool
    begun_at: float


class ScanEntry(BaseModel):
    """A scan in a list."""

    id: str
    name: str
    added_at: float
    in_memory: bool
    readings: list[ReadingEntry]


class MipsReply(BaseModel):
    """The rotating projection."""

    rows: int
    columns: int
    pixel_mm: tuple[float, float]


class PartReply(BaseModel):
    """The part of a scan that the page shows at first: the body with a margin."""

    start: Voxel
    shape: Voxel


class ScanReply(BaseModel):
    """A scan as it is shown."""

    id: str
    name: str
    shape: Voxel
    affine: list[list[float]]
    own_shape: Voxel = Field(description="Of the file's own grid, on which masks are exported")
    own_affine: list[list[float]]
    spacing_mm: tuple[float, float, float]
    suv_max: float
    notes: list[str]
    dicom: bool = Field(description="Whether it is a DICOM series")
    suv: dict[str, Any] = Field(description="How SUV was computed")
    mips: MipsReply
    shown: PartReply
    second: str | None = Field(description="Name of the CT or MR that is shown with it")


class PixelReply(BaseModel):
    """The voxel that a pixel of a projection shows."""

    ijk: Voxel
    xyz_mm: tuple[float, float, float]
    suv: float


class TableRow(BaseModel):
    """What an object holds."""

    object_id: int
    name: str
    volume_ml: float
    suv_max: float | None
    suv_mean: float | None
    suv_peak: float | None
    tlg: float | None


class FolderReply(BaseModel):
    """What can be opened in a folder."""

    path: str
    folders: list[str]
    images: list[str]
    dicom_files: int


class SeriesReply(BaseModel):
    """A DICOM series that can be opened."""

    uid: str
    modality: str
    description: str
    date: str
    files: int


class RemoteSeriesReply(BaseModel):
    """A series that the DICOMweb server has."""

    study_uid: str
    series_uid: str
    patient: str
    date: str
    description: str


class UploadReply(BaseModel):
    """An upload that was begun."""

    id: str


class ServerReply(BaseModel):
    """What the page needs to know of its server."""

    version: str
    weights: str
    model_ready: bool
    assisted: bool
    boxes: bool | None = Field(description="Whether the weights take boxes; unknown until they are loaded")
    device: str | None
    names: list[str] = Field(description="Names of organs and lesions to choose from")
    rules: list[str]
    can_browse: bool
    dicomweb: bool
    intended_use: str
