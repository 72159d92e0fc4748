"""What can go wrong. Each message names the file or argument, the value found and the remedy."""

import difflib
from collections.abc import Iterable
from typing import Final

_MOST_NAMES: Final = 30


class SegAnyPETError(Exception):
    """Base of every error that SegAnyPET raises on bad input."""


class GeometryError(SegAnyPETError):
    """Shapes, affines or grids that are unusable or do not match."""


class ImageValueError(SegAnyPETError):
    """Voxel values that no SUV image has: NaN, infinity, nothing but one value, Bq/ml."""


class ImageReadError(SegAnyPETError):
    """A file that is missing, truncated or of a format that is not read."""


class SeriesError(SegAnyPETError):
    """A DICOM series that is no static PET volume: wrong modality, mixed, gaps, dynamic, gated."""


class SUVError(SegAnyPETError):
    """Tags or values from which no SUV can be computed."""


class PromptError(SegAnyPETError):
    """Clicks, boxes, masks or prompt files that cannot be used."""


class ManifestError(SegAnyPETError):
    """A manifest, or the labels beside it, that is missing or does not fit together."""


class WeightsError(SegAnyPETError):
    """A weight file that is missing, truncated or of another system."""


class OutputError(SegAnyPETError):
    """An output that cannot be written."""


class TrainingError(SegAnyPETError):
    """A training run that cannot go on or be continued: not finite, another recipe, a damaged checkpoint."""


class MethodError(SegAnyPETError):
    """A compared system that is missing, has failed, or cannot work on a scan."""


class StoreError(SegAnyPETError):
    """Stored work that cannot be read or written."""


class UsageError(SegAnyPETError):
    """Command-line arguments or call order that make no sense together."""


class SegAnyPETWarning(UserWarning):
    """Something unusual that was accepted; the text says what was assumed."""


def reason_of(error: BaseException, longest: int = 200) -> str:
    """Return what a library's error says, on one line, to stand within a message of ours.

    Args:
        error: Any; one that says nothing gives its type's name.
        longest: Characters.
    """
    return " ".join(str(error).split())[:longest] or type(error).__name__


def choice_of(wanted: str, known: Iterable[str]) -> str:
    """Return what may be chosen in place of an unknown name, to stand at the end of a message.

    Args:
        wanted: What was asked for.
        known: What there is; the nearest are told where there are too many for all.
    """
    names = list(known)
    near = difflib.get_close_matches(wanted, names)
    if near:
        return f"do you mean {' or '.join(near)}?"
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"choose of {', '.join(names[:_MOST_NAMES])}{more}"
