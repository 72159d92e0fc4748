"""What argparse needs help with: errors in one line, values that begin with a minus, numbers with a unit."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from seganypet.errors import UsageError

Triple = tuple[float, float, float]

# "-5", "-.5", "-12.5,40,-300" and "-x,1,2" are values; argparse takes all but the plain numbers for options.
_NEGATIVE_VALUE = re.compile(r"-[\d.]|-[^-].*,")


class Parser(argparse.ArgumentParser):
    """A parser that raises `UsageError`, takes no abbreviations, and knows `--debug` before and after the verb."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **kwargs})
        self.add_argument(
            "--debug",
            action="store_true",
            default=argparse.SUPPRESS,
            help="print the traceback of an error",
        )

    def error(self, message: str) -> NoReturn:
        """Refuse the arguments.

        Raises:
            UsageError: Always.
        """
        raise UsageError(f"{message.removeprefix('argument ')}; see {self.prog} --help")


def join_negative_values(argv: Sequence[str]) -> list[str]:
    """Return the arguments with `--option -1,2,3` as `--option=-1,2,3`, which argparse understands."""
    joined: list[str] = []
    for argument in argv:
        previous = joined[-1] if joined else ""
        is_option = previous.startswith("--") and len(previous) > 2 and "=" not in previous
        if is_option and _NEGATIVE_VALUE.match(argument):
            joined[-1] = f"{previous}={argument}"
        else:
            joined.append(argument)
    return joined


def numbers(form: str) -> Callable[[str], tuple[float, ...]]:
    """Return a converter for as many finite numbers as the form names, with commas between them.

    Args:
        form: For example "I,J,K".
    """
    count = form.count(",") + 1

    def convert(text: str) -> tuple[float, ...]:
        parts = text.split(",")
        if len(parts) != count:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not {form}; expected {count} numbers with commas and no spaces between"
            )
        return tuple(_finite(part, text) for part in parts)

    return convert


class Names(argparse.Action):
    """Keeps all names of one option, with commas or blanks between them, as one tuple."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **{**named, "nargs": "+"})

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: Any = None
    ) -> None:
        """Keep them.

        Raises:
            ArgumentError: One is empty.
        """
        names = tuple(name.strip() for text in values for name in text.rstrip(",").split(","))
        if not all(names):
            raise argparse.ArgumentError(
                self, f"{' '.join(values)!r}; expected a name, or several with commas between"
            )
        setattr(namespace, self.dest, names)


def positive(text: str) -> float:
    """Return a number above zero; a converter for argparse."""
    value = _finite(text, text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not above 0")
    return value


def count(*, least: int) -> Callable[[str], int]:
    """Return a converter for whole numbers that are not below the least."""

    def convert(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None
        if value < least:
            raise argparse.ArgumentTypeError(f"{text!r} is below {least}")
        return value

    return convert


def _finite(part: str, text: str) -> float:
    try:
        value = float(part)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no number" if part == text else f"{part!r} in {text!r} is no number"
        ) from None
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not finite")
    return value
