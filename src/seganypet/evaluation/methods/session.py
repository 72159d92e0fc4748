"""A promptable 3D model, as a reader uses it: SegAnyPET's own weights, the authors', SAM-Med3D's."""

from __future__ import annotations

from seganypet.evaluation.methods.entry import Entry, Options
from seganypet.evaluation.methods.interface import Prompting, Scan
from seganypet.inference import Session
from seganypet.models.model import SegmentationModel
from seganypet.models.weights import load_model
from seganypet.prompts import Click
from seganypet.volume import BoolArray


class SessionMethod:
    """A model in a `Session`.

    Args:
        model: What `load_model` returns.
    """

    prompting: Prompting = "clicks"

    def __init__(self, model: SegmentationModel) -> None:
        self._session = Session(model)

    def start(self, scan: Scan) -> None:
        """Take a scan; forget all clicks."""
        self._session.set_volume(scan.volume)

    def restart(self, target: str) -> BoolArray:
        """Forget all clicks, keep the scan and its embeddings; return an empty mask."""
        return self._session.reset().array

    def click(self, click: Click) -> BoolArray:
        """Return the mask after one more click."""
        return self._session.add_click(click.ijk, positive=click.positive).array


def _build(argument: str, options: Options) -> SessionMethod:
    return SessionMethod(load_model(argument, device=options.device, precision=options.precision))


ENTRIES = {
    "weights": Entry(
        title="SegAnyPET",
        build=_build,
        argument="FILE",
        prompt="1 point",
        licence="Apache-2.0; of files of others, theirs",
        get="shipped: default, lesion; else a .safetensors file, or the .pth checkpoints of SegAnyPET and SAM-Med3D "
        "(organ, turbo) from their authors",
        tested="whole; the authors' checkpoints with tensors of their names and shapes",
        published=("SegAnyPET", "SegAnyPET-Lesion", "SAM-Med3D", "SAM-Med3D-organ", "SAM-Med3D-turbo"),
    )
}
