"""The application: routes, guard, page."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.staticfiles import StaticFiles
from starlette.types import Lifespan

from seganypet.app import monai_label, problems
from seganypet.app.api import dicomweb, exports, readings, scans, system, uploads
from seganypet.app.model import SharedModel
from seganypet.app.security import Guard
from seganypet.app.services import Services
from seganypet.app.settings import ServerSettings

PAGE: Final = Path(__file__).parent / "page"
"""Where `make app` puts the built page."""


def create_app(settings: ServerSettings, model: SharedModel) -> FastAPI:
    """Return the application.

    Args:
        settings: What the server is told.
        model: Loaded in the background once the server runs.

    Raises:
        StoreError: The work folder cannot be used.
    """
    services = Services(settings, model)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if settings.assisted:
            model.load_in_background()
        yield
        services.close()

    app = described_app(lifespan)
    app.state.services = services
    app.middleware("http")(Guard(settings))
    app.middleware("http")(_counting(services))
    if settings.allowed_origins:  # outermost: a browser asks whether it may ask before it has the token
        app.add_middleware(
            CORSMiddleware, allow_origins=settings.allowed_origins, allow_methods=["*"], allow_headers=["*"]
        )
    if PAGE.is_dir():
        app.mount("/", StaticFiles(directory=PAGE, html=True), name="page")
    return app


def described_app(lifespan: Lifespan[FastAPI] | None = None) -> FastAPI:
    """Return the routes alone, enough for the OpenAPI description."""
    import seganypet

    app = FastAPI(
        title="SegAnyPET",
        version=seganypet.__version__,
        summary="Segment anything in a whole-body PET scan with a click. Research use only, not a medical device.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    problems.install(app)
    for part in (system, scans, uploads, dicomweb, readings, exports, monai_label):
        app.include_router(part.router)
    return app


def _counting(services: Services) -> Callable[..., Awaitable[Response]]:
    """Return what counts and times every request by its route, not by its address, which holds ids."""

    async def count(request: Request, proceed: Callable[[Request], Awaitable[Response]]) -> Response:
        began = time.perf_counter()
        status = int(HTTPStatus.INTERNAL_SERVER_ERROR)  # of a fault, which is answered farther out
        try:
            response = await proceed(request)
            status = response.status_code
        finally:
            route = getattr(request.scope.get("route"), "path", "none")
            services.metrics.requests.labels(request.method, route, str(status)).inc()
            services.metrics.seconds.labels(request.method, route).observe(time.perf_counter() - began)
        return response

    return count
