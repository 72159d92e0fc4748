"""The routes of the MONAI Label interface, those of its datastore apart; their addresses are built into its clients."""

from __future__ import annotations

import random
import secrets
from typing import Any, Final, Literal

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from seganypet.app.api.system import INTENDED_USE
from seganypet.app.monai_label.datastore import status
from seganypet.app.monai_label.forms import (
    Form,
    NotOfferedError,
    SmallForm,
    base_name,
    file_reply,
    two_part_reply,
)
from seganypet.app.monai_label.images import (
    Name,
    SeenImage,
    dropped,
    forget_sent,
    handed_out,
    image_info,
    image_reply,
    seen_image,
    sent_once,
    sent_scan,
)
from seganypet.app.monai_label.infer import InferParams, answer, mask_file
from seganypet.app.monai_label.labels import Labels, label_map_of
from seganypet.app.monai_label.sessions import Sessions
from seganypet.app.problems import AccessError, NotFoundError, RequestError
from seganypet.app.services import Served, Services
from seganypet.errors import SegAnyPETError, UsageError
from seganypet.targets import LESION, ORGANS
from seganypet.volume import Mask

router = APIRouter(include_in_schema=False)  # MONAI Label's own description is the one to read

MODEL: Final = "seganypet"
"""The id of the only model."""

_STRATEGIES: Final = {"first": "The oldest image without a label", "random": "Any image without a label"}

Output = Literal["", "image", "json", "all", "dicom_seg"]
Told = dict[str, Any]


@router.get("/info/")
def info(served: Served) -> Told:
    """Return what the server offers."""
    import seganypet

    # Slicer runs whatever model claims a label of the server's, without a click; ours takes any label and claims none.
    model = {
        "type": "deepgrow",
        "dimension": 3,
        "labels": [],
        "description": "segmentation by click",
        "config": {},
    }
    return {
        "name": "SegAnyPET",
        "description": f"Segment anything in a whole-body PET scan with a click. {INTENDED_USE}",
        "version": seganypet.__version__,
        "labels": [LESION, *ORGANS],
        "models": {MODEL: model} if served.settings.assisted else {},
        "trainers": {},
        "strategies": {name: {"description": text, "config": {}} for name, text in _STRATEGIES.items()},
        "scoring": {},
        "train_stats": {},
        "datastore": status(served),
    }


@router.post("/infer/{model}")
async def infer(
    model: str, form: Form, served: Served, image: Name = "", session_id: Name = "", output: Output = ""
) -> Response:
    """Return the mask that clicks lead to: the whole list each time, of which only what is new is computed."""
    if model != MODEL:
        raise NotFoundError(f"no model {model[:40]!r}; there is {MODEL}")
    if not served.settings.assisted:
        raise UsageError("the model is off on this server; start it without --manual")
    if output == "dicom_seg":
        raise NotOfferedError("masks are not written as DICOM SEG; ask for output=image")
    wanted = InferParams.of(form.object("params"))
    label, file = form.file("label"), form.file("file")
    if file is None or session_id:
        seen = await run_in_threadpool(_named, served, image, session_id)
        return await run_in_threadpool(_reply, served, seen, wanted, label, output)
    stored = await sent_once(served, file)
    with dropped(served, stored):
        scan = await run_in_threadpool(served.scans.get, stored)
        seen = SeenImage(scan, scan.orientation)
        return await run_in_threadpool(_reply, served, seen, wanted, label, output)


@router.put("/session/")
async def begin_session(form: Form, served: Served, uncompress: bool = False) -> Told:
    """Return a new session on an image that is sent."""
    if uncompress:
        raise NotOfferedError(
            "archives are not unpacked; send the NIfTI file, or the files of the DICOM series"
        )
    files = form.files("files")
    if not files:
        raise RequestError("no file called files; send the image as multipart/form-data")
    scan = await sent_scan(served, files, base_name(files[0]))
    session = Sessions(served.store.folder).begin(scan.stored.id)
    return {"session_id": session.id, "session_info": session.wire()}


@router.get("/session/{session_id}", response_model=None)
def look_at_session(session_id: str, served: Served, image: bool = False) -> Told | Response:
    """Return a session, or its image."""
    session = Sessions(served.store.folder).get(session_id)
    return image_reply(seen_image(served, session.scan_id)) if image else session.wire()


@router.delete("/session/{session_id}")
def end_session(session_id: str, served: Served) -> Told:
    """End a session; its image goes with it unless somebody reads or labelled it."""
    session = Sessions(served.store.folder).end(session_id)
    if not Labels(served.store.folder).tags(session.scan_id):
        forget_sent(served, session.scan_id)
    return session.wire()


@router.post("/activelearning/{strategy}")
def next_image(strategy: str, served: Served) -> Told:
    """Return an image without a final label that can be read, {} where there is none."""
    if strategy not in _STRATEGIES:
        raise NotFoundError(f"no strategy {strategy[:40]!r}; there are {', '.join(_STRATEGIES)}")
    labelled = Labels(served.store.folder).labelled()
    left = [scan for scan in served.store.scans() if scan.id not in labelled]
    if strategy == "random":
        random.shuffle(left)
    for stored in left:
        try:
            scan = served.scans.get(stored)
        except SegAnyPETError:  # moved or damaged: the next one will do
            continue
        image_id = handed_out(scan).id
        return {"id": image_id, **image_info(stored, image_id)}
    return {}


@router.get("/logs/")
def logs(served: Served) -> PlainTextResponse:
    """Return what there is in place of a log."""
    lines = [
        "SegAnyPET keeps no log of requests; counts and times are at /metrics.",
        f"weights: {served.model.name} ({'ready' if served.model.loaded is not None else 'not loaded'})",
        f"scans in memory: {len(served.scans.ids())} of {len(served.store.scans())}",
    ]
    return PlainTextResponse("\n".join(lines) + "\n")


@router.get("/auth/")
def auth(served: Served) -> Told:
    """Return whether requests must bring a token; anybody may ask."""
    return {"enabled": served.settings.token is not None, "client_id": None, "realm": None}


@router.post("/auth/token")
def log_in(form: SmallForm, served: Served) -> Told:
    """Return the token to who knows it, as the password of any user; anybody may try."""
    token = served.settings.token
    if token is None:
        return {"access_token": None, "token_type": None}
    if not secrets.compare_digest(form.text("password").encode(), token.encode()):
        raise AccessError("the password is the server's token, which it printed when it was started")
    return {"access_token": token, "token_type": "bearer"}


@router.get("/auth/token/valid")
def valid_token() -> Told:
    """Return the user; who has no valid token does not come here."""
    return {"username": "user", "enabled": True}


@router.get("/train/")
@router.delete("/train/")
@router.get("/train/{model}")
@router.delete("/train/{model}")
def no_training_runs(model: str = "") -> None:
    """Answer that no training runs."""
    raise NotFoundError("no training runs: this server does not train; see `seganypet train`")


@router.post("/train/")
@router.post("/train/{model}")
def no_training(model: str = "") -> None:
    """Refuse to train."""
    raise NotOfferedError("this server does not train; see `seganypet train`")


@router.api_route("/batch/infer/{model}", methods=["GET", "POST", "DELETE"])
def no_batches(model: str) -> None:
    """Refuse to run through all images."""
    raise NotOfferedError(
        "no batches: each image wants clicks; see `seganypet segment` for clicks from files"
    )


def _named(served: Services, image: str, session_id: str) -> SeenImage:
    """Return the image that a request names."""
    if session_id:
        return seen_image(served, Sessions(served.store.folder).get(session_id).scan_id)
    if not image:
        raise RequestError("no image: name one, a session, or send a file")
    return seen_image(served, image)


def _reply(
    served: Services, image: SeenImage, wanted: InferParams, label: UploadFile | None, output: Output
) -> Response:
    start = None
    if label is not None:
        scan = image.scan
        own = Mask(label_map_of(label, image), scan.orientation.native_affine, source=scan.source)
        start = own.array
    found = answer(image, wanted, served.model, start)
    if output == "json":
        return JSONResponse(found.params)
    content, name = mask_file(found.mask, wanted), f"{secrets.token_hex(8)}{wanted.result_extension}"
    return file_reply(content, name) if output == "image" else two_part_reply(found.params, content, name)
