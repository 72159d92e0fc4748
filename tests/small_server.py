"""A server on small scans, and a page that works with it as a browser's would."""

from __future__ import annotations

import base64
import json
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import nibabel as nib
import numpy as np
from fastapi.testclient import TestClient

from seganypet.app.model import SharedModel
from seganypet.app.server import create_app
from seganypet.app.settings import ServerSettings
from seganypet.models.model import SegmentationModel
from seganypet.volume import Volume
from synthetic_model import half_of_click

ADDRESS = "http://127.0.0.1:8000"
SHAPE = (20, 18, 16)
# Blocks of 10 and 6 in a background of 1: 4 × 4 × 4 and 3 × 3 × 3 voxels.
HOT, WARM = (slice(4, 8), slice(5, 9), slice(6, 10)), (slice(13, 16), slice(11, 14), slice(4, 7))
IN_HOT, IN_WARM = (5, 6, 7), (14, 12, 5)
RAS = np.array([[4.0, 0, 0, -40], [0, 4, 0, -30], [0, 0, 4, 100], [0, 0, 0, 1]])
LAS = np.array([[-4.0, 0, 0, 40], [0, 4, 0, -30], [0, 0, 4, 100], [0, 0, 0, 1]])


def oblique() -> np.ndarray:
    """Return the affine of a grid that is turned by 20° and 10°, with its first axis to the left and its last down."""
    a, b = np.deg2rad([20, 10])
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    affine = np.eye(4)
    affine[:3, :3] = about_z @ about_x @ np.diag([-4.0, 4.0, -4.0])
    affine[:3, 3] = 17.5, -42.25, 310
    return affine


def small_suv() -> np.ndarray:
    """Return the two blocks, float32."""
    suv = np.ones(SHAPE, np.float32)
    suv[HOT], suv[WARM] = 10, 6
    return suv


def small_volume(affine: np.ndarray = RAS) -> Volume:
    return Volume(small_suv(), affine)


def in_block(block: tuple[slice, slice, slice]) -> np.ndarray:
    """Return a block as a mask."""
    mask = np.zeros(SHAPE, bool)
    mask[block] = True
    return mask


def write_scan(path: Path, affine: np.ndarray = RAS, suv: np.ndarray | None = None) -> Path:
    """Write the small scan as NIfTI, with sform code 1 and qform code 1; return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(small_suv() if suv is None else suv, affine)
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=1)
    nib.save(image, path)
    return path


def small_settings(folder: Path, **settings: Any) -> ServerSettings:
    """Return settings with a work folder and a served folder below a folder."""
    return ServerSettings(**{"work": folder / "work", "root": folder / "served", **settings})


@contextmanager
def serving(
    folder: Path,
    *,
    model: Callable[[], SegmentationModel] = half_of_click,
    raises: bool = True,
    **settings: Any,
) -> Iterator[TestClient]:
    """Serve `folder`/served with the work in `folder`/work, and end politely."""
    app = create_app(small_settings(folder, **settings), SharedModel(model, "half of click"))
    with TestClient(app, base_url=ADDRESS, raise_server_exceptions=raises) as client:
        yield client


class Page:
    """A reading as a page holds it: the lease, and the masks that the changes add up to.

    Args:
        client: Of the server.
        name: Of the scan in the served folder.
        reader: Whose reading.
        assisted: Whether the model may be used.
    """

    def __init__(
        self, client: TestClient, name: str = "pet.nii.gz", *, reader: str = "Ada", assisted: bool = True
    ) -> None:
        self.client = client
        self.scan = ok(client.post("/api/scans", json={"path": name}))
        self.open(ok(client.post(self.on_scan("readings"), json={"reader": reader, "assisted": assisted})))

    def open(self, reading: dict[str, Any]) -> None:
        """Take what the server says of a reading for what it is."""
        self.state = {key: value for key, value in reading.items() if key not in ("masks", "view")}
        self.masks = {int(number): self.unpacked(bits) for number, bits in reading["masks"].items()}
        self.lease = ok(self.client.post(self.at("lease"), json={}))["lease"]

    def on_scan(self, path: str = "") -> str:
        return f"/api/scans/{self.scan['id']}/{path}".rstrip("/")

    def at(self, path: str = "") -> str:
        return f"/api/readings/{self.state['id']}/{path}".rstrip("/")

    def send(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Send a change, with the lease."""
        return self.client.request(method, self.at(path), json=body, headers={"X-Lease": self.lease})

    def edit(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        """Send a change that must succeed, and turn over the voxels of the reply."""
        reply = ok(self.send(method, path, body or None))
        self.state = reply["state"]
        if reply["change"] is not None:
            mask = self.masks.setdefault(reply["object_id"], self.empty())
            mask ^= self.unpacked(reply["change"])
        return reply

    def add(self, name: str = "lesion") -> int:
        return self.edit("POST", "objects", name=name)["object_id"]

    def click(self, number: int, ijk: tuple[float, ...], **how: Any) -> dict[str, Any]:
        return self.edit("POST", f"objects/{number}/clicks", ijk=ijk, **how)

    def dot(self, number: int, ijk: tuple[float, ...], **how: Any) -> dict[str, Any]:
        """Paint, or erase, all voxels within a radius, 1 mm by default, of a voxel."""
        body = {"points_mm": [self.mm(ijk)], "radius_mm": 1.0, **how}
        return self.edit("POST", f"objects/{number}/strokes", **body)

    def undo(self) -> dict[str, Any]:
        return self.edit("POST", "undo")

    def redo(self) -> dict[str, Any]:
        return self.edit("POST", "redo")

    def mask(self, number: int) -> np.ndarray:
        """Return an object's mask as the page has it."""
        return self.masks.get(number, self.empty())

    def objects(self) -> dict[int, str]:
        return {found["id"]: found["name"] for found in self.state["objects"]}

    def looked_up(self) -> dict[str, Any]:
        """Return the reading as the server has it now, masks unpacked."""
        reading = ok(self.client.get(self.at()))
        reading["masks"] = {int(number): self.unpacked(bits) for number, bits in reading["masks"].items()}
        return reading

    def check(self) -> None:
        """Assert that page and server agree."""
        reading = self.looked_up()
        assert {key: reading[key] for key in self.state} == self.state
        shown = {
            number: mask for number, mask in self.masks.items() if mask.any() and number in self.objects()
        }
        assert reading["masks"].keys() == shown.keys()
        for number, mask in shown.items():
            np.testing.assert_array_equal(reading["masks"][number], mask)

    def mm(self, ijk: tuple[float, ...]) -> list[float]:
        """Return where a voxel of the scan as it is shown lies."""
        return (np.array(self.scan["affine"]) @ [*ijk, 1])[:3].tolist()

    def empty(self) -> np.ndarray:
        return np.zeros(self.scan["shape"], bool)

    def unpacked(self, bits: dict[str, Any]) -> np.ndarray:
        """Return a box of bits on the whole grid."""
        whole = self.empty()
        part = tuple(slice(a, a + n) for a, n in zip(bits["start"], bits["shape"], strict=True))
        raw = np.frombuffer(zlib.decompress(base64.b64decode(bits["bits"])), np.uint8)
        whole[part] = np.unpackbits(raw)[: np.prod(bits["shape"])].reshape(bits["shape"])
        return whole


def packed(mask: np.ndarray) -> dict[str, Any]:
    """Return a whole mask as the interface takes it."""
    bits = base64.b64encode(zlib.compress(np.packbits(mask).tobytes())).decode()
    return {"start": [0, 0, 0], "shape": list(mask.shape), "bits": bits}


def ok(response: httpx.Response) -> Any:
    """Return what a request that succeeded answers."""
    assert response.is_success, f"{response.status_code} {response.text}"
    return response.json() if response.content else None


def problem_of(response: httpx.Response, status: int) -> str:
    """Return the detail of a problem, which must be one as RFC 9457 describes it."""
    assert response.status_code == status, f"{response.status_code} {response.text}"
    assert response.headers["content-type"] == "application/problem+json"
    body = json.loads(response.content)
    assert body["status"] == status
    assert body["type"]
    assert body["title"]
    assert "\n" not in body["detail"]
    return body["detail"]


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never came about"
        time.sleep(0.02)
