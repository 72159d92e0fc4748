"""nnInteractive, by its authors' package: points in 3D, each corrects what is there [P2]."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from seganypet.errors import MethodError, reason_of
from seganypet.evaluation.methods.entry import Entry, Options
from seganypet.evaluation.methods.interface import Prompting, Scan
from seganypet.inference.regions import voxel_of
from seganypet.models.device import device_named
from seganypet.preprocessing.orientation import canonical_orientation
from seganypet.prompts import Click
from seganypet.volume import BoolArray, FloatArray

# As SimpleITK hands out most images, slices first: so nnU-Net read what the network learned from.
_ORDER: Final = "SPL"
# One of these is in each of its models' folders.
_MARKS: Final = ("inference_info.json", "inference_session_class.json")

_SEED: Final = 0


class NnInteractiveMethod:
    """A session of nnInteractive: the scan in SUV on its own grid, the click's voxel, zooming out by itself.

    The session standardises the image itself and knows no voxel sizes.

    Args:
        session: Its `nnInteractiveInferenceSession`, with a model.
    """

    prompting: Prompting = "clicks"

    def __init__(self, session: Any) -> None:
        self._session = session

    def start(self, scan: Scan) -> None:
        """Take a scan; forget all clicks.

        Raises:
            MethodError: nnInteractive failed.
        """
        volume = scan.volume
        self._orientation = canonical_orientation(volume.affine, volume.shape, _ORDER)
        image = np.ascontiguousarray(self._orientation.apply(volume.array), dtype=np.float32)
        self._target = np.zeros(image.shape, dtype=np.uint8)
        self._run(lambda: self._prepare(image))

    def restart(self, target: str) -> BoolArray:
        """Forget all clicks, keep the scan; return an empty mask."""
        self._run(self._session.reset_interactions)
        return self._mask()

    def click(self, click: Click) -> BoolArray:
        """Return the mask after one more click.

        Raises:
            MethodError: nnInteractive failed.
        """
        native = voxel_of(click, self._orientation.native_shape)
        at = tuple(int(n) for n in self._orientation.apply_ijk(native))
        self._run(lambda: self._session.add_point_interaction(at, include_interaction=click.positive))
        return self._mask()

    def _prepare(self, image: FloatArray) -> None:
        """Hand an image to the session and wait until its threads have prepared it."""
        self._session.set_image(image[None])
        self._session.set_target_buffer(self._target)
        self._session._finish_preprocessing_and_initialize_interactions()

    def _mask(self) -> BoolArray:
        """Return a copy of the session's mask, in the scan's own order."""
        return np.ascontiguousarray(self._orientation.invert(self._target) > 0)

    def _run(self, call: Callable[[], object]) -> None:
        """Do something with the session: without what it prints, on as many threads as before, the same each time.

        Where it refines, it draws boxes from NumPy's global generator.
        """
        threads, drawn = torch.get_num_threads(), np.random.get_state()  # noqa: NPY002  # theirs
        np.random.seed(_SEED)  # noqa: NPY002
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                call()
        except Exception as error:  # of torch's and of its own: anything may be raised
            raise MethodError(f"nnInteractive failed on this scan: {reason_of(error)}") from error
        finally:
            torch.set_num_threads(threads)
            np.random.set_state(drawn)  # noqa: NPY002


def load_session(folder: Path, device: torch.device) -> Any:
    """Return a session of nnInteractive with the model of a folder: its files and fold_*/checkpoint_final.pth.

    Its loader unpickles the checkpoint, which can run anything: load what its authors gave, from where they gave it.

    Raises:
        MethodError: The package is not installed; the folder is missing, or no model that it can load.
    """
    if not folder.is_dir():
        raise MethodError(
            f"{folder}: no such folder; download a model of nnInteractive (MIC-DKFZ/nnInteractive on Hugging Face)"
        )
    if not any((folder / name).is_file() for name in _MARKS):
        raise MethodError(
            f"{folder}: holds neither {_MARKS[0]} nor {_MARKS[1]}; give the folder of one model, as nnInteractive_v1.0"
        )
    try:
        from nnInteractive.inference.inference_session import nnInteractiveInferenceSession as NewSession
    except ImportError as error:
        raise MethodError(
            f'nnInteractive cannot be imported ({reason_of(error)}); pip install "seganypet[compare]"'
        ) from error
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            session = NewSession(device=device, torch_n_threads=torch.get_num_threads(), enable_undo=False)
            session.initialize_from_trained_model_folder(str(folder))
    except Exception as error:  # it unpickles and builds classes by name: anything may be raised
        raise MethodError(
            f"{folder}: nnInteractive cannot load it ({reason_of(error)}); download it again"
        ) from error
    return session


def _build(argument: str, options: Options) -> NnInteractiveMethod:
    return NnInteractiveMethod(load_session(Path(argument), device_named(options.device)))


ENTRIES = {
    "nninteractive": Entry(
        title="nnInteractive",
        build=_build,
        argument="FOLDER",
        prompt="1 point",
        licence="code Apache-2.0; weights CC BY-NC-SA 4.0",
        get='pip install "seganypet[compare]"; download a model of MIC-DKFZ/nnInteractive from Hugging Face',
        tested="whole, with its own session and random weights of a small network; the released weights have not been "
        "run",
        published=("nnInteractive",),
    )
}
