"""`seganypet serve`: the page to work in, on this machine."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from seganypet.cli.messages import say
from seganypet.cli.parsing import count
from seganypet.cli.segmentation import DISCLAIMER, add_model_options
from seganypet.errors import ImageReadError, UsageError

_MIB = 1 << 20


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    parser = subparsers.add_parser(
        "serve",
        help="open a page to segment scans in",
        description="Serve the page on which a scan is opened, clicked, corrected and exported. All work is kept in "
        f"the work folder as it happens; the same command goes on from there. {DISCLAIMER}",
    )
    parser.add_argument(
        "path", type=Path, nargs="?", metavar="PATH", help="scan, or folder of scans that may be opened"
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on; this machine alone by default"
    )
    parser.add_argument("--port", type=count(least=0), default=8000, help="port; 0 for any that is free")
    parser.add_argument(
        "--work",
        type=Path,
        default=Path.home() / ".seganypet",
        metavar="DIR",
        help="folder that keeps all work (default: .seganypet in your home)",
    )
    parser.add_argument("--dicomweb", metavar="URL", help="DICOMweb service that scans can be fetched from")
    parser.add_argument("--manual", action="store_true", help="the model is off: brush and thresholds only")
    parser.add_argument("--open", action="store_true", help="open the page in the browser")
    group = parser.add_argument_group("beyond this machine")
    group.add_argument(
        "--token", help="what requests must bring; one is made where others could reach the server"
    )
    group.add_argument(
        "--allow-host", action="append", default=[], metavar="NAME", help="name it may be called by"
    )
    group.add_argument(
        "--allow-origin", action="append", default=[], metavar="URL", help="other site whose pages may use it"
    )
    limits = parser.add_argument_group("limits")
    limits.add_argument(
        "--max-scans", type=count(least=1), default=4, metavar="N", help="scans kept in memory"
    )
    limits.add_argument(
        "--max-image-mb", type=count(least=1), default=2048, metavar="MB", help="what their images may hold"
    )
    limits.add_argument(
        "--max-upload-mb", type=count(least=1), default=4096, metavar="MB", help="size of an upload"
    )
    add_model_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check, then serve until interrupted."""
    if arguments.path is not None and not arguments.path.exists():
        raise ImageReadError(f"{arguments.path}: no such file or folder; check the path")
    from seganypet.app.model import SharedModel
    from seganypet.app.running import listening_socket, serve
    from seganypet.app.server import PAGE, create_app
    from seganypet.app.settings import ServerSettings
    from seganypet.models.weights import load_model

    socket = listening_socket(arguments.host, arguments.port)
    settings = ServerSettings(
        work=arguments.work.expanduser().resolve(),
        root=arguments.path,
        host=arguments.host,
        port=socket.getsockname()[1],
        token=_token(arguments),
        allowed_hosts=tuple(arguments.allow_host),
        allowed_origins=tuple(arguments.allow_origin),
        dicomweb=arguments.dicomweb,
        assisted=not arguments.manual,
        most_scans=arguments.max_scans,
        most_image_bytes=arguments.max_image_mb * _MIB,
        most_upload_bytes=arguments.max_upload_mb * _MIB,
    )
    model = SharedModel(
        lambda: load_model(arguments.weights, device=arguments.device, precision=arguments.precision),
        arguments.weights,
    )
    app = create_app(settings, model)
    if not PAGE.is_dir():
        sys.stderr.write(
            "seganypet: warning: the page is not built (make app); the interface alone is served\n"
        )
    say(f"SegAnyPET is at {settings.address}  (Ctrl+C ends it; work is kept in {settings.work})")
    say(DISCLAIMER)
    sys.stdout.flush()
    serve(app, socket, open_page=settings.address if arguments.open else None)
    return 0


def _token(arguments: argparse.Namespace) -> str | None:
    """Return the token that was given, or a new one where others could reach the server."""
    import secrets

    from seganypet.app.security import is_loopback

    token: str | None = arguments.token
    if token is not None and len(token) < 8:
        raise UsageError("--token is shorter than 8 characters; leave it out to have one made")
    if token is not None and not (token.isascii() and token.isprintable()):
        raise UsageError(
            "--token holds characters that headers cannot; use ASCII, or leave it out to have one made"
        )
    if token or is_loopback(arguments.host):
        return token
    return secrets.token_urlsafe(24)
