"""The server itself: what it is, whether it is well, what it did."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from seganypet.app.edits import rules
from seganypet.app.services import Served
from seganypet.app.wire import HealthReply, ServerReply
from seganypet.targets import LESION, ORGANS

router = APIRouter(tags=["server"])

INTENDED_USE: Final = "Research use only, not a medical device."


@router.get("/api/server")
def server(served: Served) -> ServerReply:
    """Return what the page needs to know."""
    import seganypet

    model = served.model.loaded
    return ServerReply(
        version=seganypet.__version__,
        weights=served.model.name,
        model_ready=model is not None,
        assisted=served.settings.assisted,
        boxes=None if model is None else bool(model.boxes),
        device=None if model is None else str(model.device),
        names=[LESION, *ORGANS],
        rules=list(rules()),
        can_browse=served.settings.root is not None,
        dicomweb=served.settings.dicomweb is not None,
        intended_use=INTENDED_USE,
    )


@router.get("/api/health")
def health(served: Served) -> HealthReply:
    """Return whether the store answers and the model is there."""
    served.store.scans()
    return HealthReply(status="ok", model_ready=served.model.loaded is not None)


@router.get("/metrics", response_class=Response)
def metrics(served: Served) -> Response:
    """Return counts and times in the format of Prometheus."""
    return Response(generate_latest(served.metrics.registry), media_type=CONTENT_TYPE_LATEST)
