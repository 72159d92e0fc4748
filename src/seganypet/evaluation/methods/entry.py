"""What is known of a method before it runs: its name in tables, its licence, how to get it, how to build it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from seganypet.evaluation.methods.interface import Method
from seganypet.models.model import Precision


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where methods run.

    Attributes:
        device: "auto", "cpu" or "cuda".
        precision: What our own networks compute in; others choose for themselves.
    """

    device: str = "auto"
    precision: Precision | Literal["auto"] = "auto"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A method that `seganypet evaluate` knows.

    Attributes:
        title: Its name in tables.
        build: Returns it, given what follows the "=" in `--methods`, "" if nothing. Raises `MethodError` where
            something is missing, and says how to get it.
        argument: What follows the "=", for the help; "" if nothing does.
        prompt: What it is told, in words of the papers' tables: "1 point", "N points", "text", "auto".
        licence: Of its code and of its weights.
        get: How to get it.
        tested: What of it the tests run.
        published: Its names in the papers' tables.
        told_by: Of a folder the files whose change makes it another method; empty for all.
    """

    title: str
    build: Callable[[str, Options], Method]
    argument: str = ""
    prompt: str
    licence: str
    get: str
    tested: str
    published: Sequence[str] = ()
    told_by: Sequence[str] = ()
