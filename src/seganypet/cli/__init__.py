"""The command `seganypet`: one file per verb; parse, call, print."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module

from seganypet.cli.messages import complain, shown_warnings
from seganypet.cli.parsing import Parser, join_negative_values
from seganypet.errors import SegAnyPETError

__all__ = ["VERBS", "build_parser", "main"]

VERBS = (
    "segment",
    "suv",
    "info",
    "demo",
    "simulate",
    "train",
    "baseline",
    "evaluate",
    "benchmark",
    "serve",
    "study",
)
"""Each is a module of this package with `add_parser(subparsers)`; it imports libraries only when it runs."""

_RESUMING = ("simulate", "baseline", "evaluate")
_BAD_INPUT, _BUG, _INTERRUPTED, _BROKEN_PIPE = 2, 1, 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    0 is success, 2 bad input (one line says what and what to do), 3 a training that was stopped, 130 an interrupt, 1 a
    bug.

    Args:
        argv: The arguments after the program's name; those of the process by default.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in given
    with shown_warnings():
        try:
            return _run(given)
        except SystemExit as stop:  # argparse has printed help or the version
            return stop.code if isinstance(stop.code, int) else 0
        except SegAnyPETError as error:
            return _fail(str(error), _BAD_INPUT, debug)
        except KeyboardInterrupt:
            verb = next((word for word in given if not word.startswith("-")), "")
            hint = "; the same command goes on from there" if verb in _RESUMING else ""
            return _fail(f"interrupted{hint}", _INTERRUPTED, debug)
        except BrokenPipeError:  # whoever read our output has gone
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return _BROKEN_PIPE
        except Exception as error:  # noqa: BLE001  the last resort of a command line
            hint = "" if debug else "; run again with --debug and report what it prints"
            return _fail(f"this is a bug ({type(error).__name__}: {error}){hint}", _BUG, debug)


def build_parser() -> Parser:
    """Return the parser with all verbs."""
    parser = Parser(
        prog="seganypet",
        description="Segment anything in a whole-body PET scan with a click. Research use only, not a medical device.",
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    subparsers = parser.add_subparsers(title="commands", dest="verb", metavar="COMMAND")
    for verb in VERBS:
        import_module(f"seganypet.cli.{verb}").add_parser(subparsers)
    return parser


def _run(given: list[str]) -> int:
    parser = build_parser()
    arguments = parser.parse_args(join_negative_values(given))
    if arguments.version:
        from seganypet import __version__

        sys.stdout.write(f"seganypet {__version__}\n")
        return 0
    if arguments.verb is None:
        parser.error(f"no command; choose one of {', '.join(VERBS)}")
    arguments.command_line = ["seganypet", *given]
    code: int = arguments.run(arguments)
    sys.stdout.flush()  # here, where a reader that has gone can still be handled
    return code


def _fail(text: str, code: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    complain("error", text)
    return code
