"""The datastore of the MONAI Label interface: all scans that the server knows, and the labels that clients stored."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from seganypet.app.monai_label.forms import Form, base_name, file_reply
from seganypet.app.monai_label.images import (
    Name,
    image_info,
    image_reply,
    seen_image,
    sent_scan,
    stored_image,
)
from seganypet.app.monai_label.labels import FINAL, Labels, Tag, label_map_of
from seganypet.app.problems import NotFoundError
from seganypet.app.services import Served, Services

router = APIRouter(prefix="/datastore", include_in_schema=False)

Told = dict[str, Any]


@router.get("/")
def look(served: Served, output: Literal["", "stats", "all", "train"] = "") -> Told | list[Told]:
    """Return counts, everything, or the images that have a final label."""
    if output == "all":
        return _everything(served)
    if output == "train":
        return [
            {
                "image": f"/datastore/image?image={scan_id}",
                "label": f"/datastore/label?label={scan_id}&tag={FINAL}",
            }
            for scan_id in sorted(_labels(served).labelled())
        ]
    return status(served)


@router.put("/")
@router.put("/image")
async def add_image(form: Form, served: Served, image: Name = "") -> Told:
    """Add an image that is sent; the reply has its id, and the name it was sent under will do as well."""
    file = form.needed_file("file")
    scan = await sent_scan(served, [file], image or base_name(file))
    return {"image": scan.stored.id}


@router.get("/image")
def image(served: Served, image: Name) -> Response:
    """Return an image in SUVbw as NIfTI, float32, in its own voxel order."""
    return image_reply(seen_image(served, image))


@router.head("/image")
def check_image(
    served: Served, image: Name, check_sum: Annotated[str, Query(max_length=200)] = ""
) -> Response:
    """Return whether there is an image, and whether its file is the one with a checksum, "SHA256:" and hex digits."""
    stored = stored_image(served, image)
    if check_sum:
        digest = hashlib.sha256(seen_image(served, image).nifti()).hexdigest()
        if check_sum.removeprefix("SHA256:").lower() != digest:
            raise NotFoundError(f"image {stored.id} has the checksum SHA256:{digest}")
    return Response()


@router.get("/image/info")
def described_image(served: Served, image: Name) -> Told:
    """Return what is known of an image."""
    stored = stored_image(served, image)
    return image_info(stored, stored.id)


@router.put("/label")
async def write_label(form: Form, served: Served, image: Name, tag: Tag = "") -> Told:
    """Store a label of an image."""
    label, said = form.needed_file("label"), form.object("params")
    return await run_in_threadpool(_write_label, served, image, tag or FINAL, label, said)


@router.get("/label")
def label(served: Served, label: Name, tag: Tag = "") -> Response:
    """Return a label as NIfTI, in the voxel order of its image."""
    scan_id = stored_image(served, label).id
    return file_reply(_labels(served).path(scan_id, tag or FINAL).read_bytes(), f"{scan_id}.nii.gz")


@router.head("/label")
def check_label(served: Served, image: Name, tag: Tag = "") -> Response:
    """Return whether there is a label."""
    _labels(served).path(stored_image(served, image).id, tag or FINAL)
    return Response()


@router.delete("/label")
def remove_label(served: Served, id: Name, tag: Tag = "") -> Told:  # noqa: A002  the interface's name for it
    """Remove a label."""
    _labels(served).remove(stored_image(served, id).id, tag or FINAL)
    return {}


@router.get("/label/info")
def described_label(served: Served, label: Name, tag: Tag = "") -> Told:
    """Return what was said of a label when it was stored."""
    return _labels(served).info(stored_image(served, label).id, tag or FINAL)


def status(served: Services) -> Told:
    """Return how many images and labels there are."""
    labels, scans = _labels(served), served.store.scans()
    tags = Counter(tag for scan in scans for tag in labels.tags(scan.id))
    return {"total": len(scans), "completed": tags[FINAL], "label_tags": dict(tags)}


def _write_label(served: Services, name: str, tag: str, label: UploadFile, said: Told) -> Told:
    image = seen_image(served, name)
    _labels(served).write(image.scan, tag, label_map_of(label, image), said)
    return {"image": name, "label": image.scan.stored.id}


def _everything(served: Services) -> Told:
    labels = _labels(served)
    objects = {
        scan.id: {
            "image": {"ext": ".nii", "info": image_info(scan, scan.id)},
            "labels": {
                tag: {"ext": ".nii.gz", "info": labels.info(scan.id, tag)} for tag in labels.tags(scan.id)
            },
        }
        for scan in served.store.scans()
    }
    return {
        "name": "SegAnyPET",
        "description": "All scans that the server knows",
        "images_dir": "",
        "labels_dir": "labels",
        "objects": objects,
    }


def _labels(served: Services) -> Labels:
    return Labels(served.store.folder)
