"""SegAnyPET: segment anything in a whole-body PET scan with a click.

Research use only, not a medical device.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seganypet.errors import (
        GeometryError,
        ImageReadError,
        ImageValueError,
        ManifestError,
        MethodError,
        OutputError,
        PromptError,
        SegAnyPETError,
        SegAnyPETWarning,
        SeriesError,
        StoreError,
        SUVError,
        TrainingError,
        UsageError,
        WeightsError,
    )
    from seganypet.inference.session import Session
    from seganypet.io import read_volume, write_mask
    from seganypet.models.checkpoint import save_checkpoint
    from seganypet.models.weights import load_model, save_weights
    from seganypet.prompts.click import Click
    from seganypet.volume import Mask, Volume

    __version__: str

__all__ = [
    "Click",
    "GeometryError",
    "ImageReadError",
    "ImageValueError",
    "ManifestError",
    "Mask",
    "MethodError",
    "OutputError",
    "PromptError",
    "SUVError",
    "SegAnyPETError",
    "SegAnyPETWarning",
    "SeriesError",
    "Session",
    "StoreError",
    "TrainingError",
    "UsageError",
    "Volume",
    "WeightsError",
    "__version__",
    "load_model",
    "read_volume",
    "save_checkpoint",
    "save_weights",
    "write_mask",
]

# Imported at first use: `import seganypet` costs nothing, and who reads files needs no torch.
_HOMES = {
    "Click": "prompts.click",
    "Mask": "volume",
    "Session": "inference.session",
    "Volume": "volume",
    "load_model": "models.weights",
    "read_volume": "io",
    "save_checkpoint": "models.checkpoint",
    "save_weights": "models.weights",
    "write_mask": "io",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value: Any = _version()
    elif name in __all__:
        value = getattr(import_module(f"seganypet.{_HOMES.get(name, 'errors')}"), name)
    else:
        raise AttributeError(f"module 'seganypet' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _version() -> str:
    """Return the installed version; a source tree that is not installed has none."""
    from importlib import metadata

    try:
        return metadata.version("seganypet")
    except metadata.PackageNotFoundError:
        return "0+not.installed"
