"""VISTA3D, MONAI's network with the weights of its bundle: told the class, or points.

It is fed as its bundle feeds it, which is made for CT: 1.5 mm, RAS, values from -964 to 1,054 brought to 0 to 1. SUV in
place of HU so come to lie between 0.478 and 0.5, whatever the organ. The papers say no more than that PET was fed; this
is what the bundle does with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from seganypet.errors import MethodError, reason_of
from seganypet.evaluation.methods.entry import Entry, Options
from seganypet.evaluation.methods.interface import Prompting, Scan
from seganypet.models.device import device_named
from seganypet.preprocessing.model_grid import ModelGrid
from seganypet.prompts import Click
from seganypet.targets import LESIONS
from seganypet.volume import BoolArray, FloatArray, Volume

# Of the bundle's configs/inference.json, version 0.5.7.
_SPACING_MM: Final = 1.5
_LOWEST, _HIGHEST = -963.8247715525971, 1053.678477684517
_WINDOW: Final = 128
_OVERLAP: Final = 0.3
# A logit so low or high is certain; beyond, it would reach into its neighbours when it is brought back.
_CERTAIN: Final = 20.0
# The network's own for what no window has seen.
_UNSEEN: Final = -9999.0

CLASSES: Final[Mapping[str, Sequence[int]]] = {
    "brain": (22,),
    "thyroid_gland": (126,),
    "lung_left": (28, 29),
    "lung_right": (30, 31, 32),
    "lung_upper_lobe_left": (28,),
    "lung_lower_lobe_left": (29,),
    "lung_upper_lobe_right": (30,),
    "lung_middle_lobe_right": (31,),
    "lung_lower_lobe_right": (32,),
    "heart": (115,),
    "aorta": (6,),
    "liver": (1,),
    "gallbladder": (10,),
    "spleen": (3,),
    "kidney_left": (14,),
    "kidney_right": (5,),
    "pancreas": (4,),
    "stomach": (12,),
    "esophagus": (11,),
    "duodenum": (13,),
    "small_bowel": (19,),
    "colon": (62,),
    "urinary_bladder": (15,),
    "prostate": (118,),
    "uterus": (16,),
    LESIONS: (23, 24, 26, 27, 128),
}
"""Ids by our names, from the bundle's docs/labels.json. 16 is "prostate or uterus"; lesions are its tumours of lung,
pancreas, liver and colon, and its bone lesions: it has no lymphoma, and none of one lesion among several."""


class _Vista3D:
    """The network on one scan at a time.

    Args:
        network: A `monai.networks.nets.VISTA3D`.
        device: What it runs on.
        window: Its window, in voxels of 1.5 mm.
    """

    def __init__(self, network: Any, device: torch.device, *, window: int = _WINDOW) -> None:
        self._network = network.to(device).eval()
        self._device = device
        self._window = (window,) * 3

    def start(self, scan: Scan) -> None:
        """Take a scan; forget all clicks."""
        self._grid, self._image = as_the_bundle(scan.volume)
        self._forget()

    def _forget(self) -> None:
        """Forget all clicks."""

    def _mask(self, logits: Tensor) -> BoolArray:
        """Return the mask of logits [1, 1, I, J, K] on the scan's own grid."""
        seen = torch.nan_to_num(logits[0, 0].float(), nan=_UNSEEN).clamp(-_CERTAIN, _CERTAIN)
        return self._grid.restore(seen.cpu().numpy(), (0, 0, 0))


class ClassMethod(_Vista3D):
    """VISTA3D told the class: windows slide over the whole scan."""

    prompting: Prompting = "target"

    def restart(self, target: str) -> BoolArray:
        """Return the mask of a target: that of its class, or of all classes that it is made of.

        Raises:
            MethodError: The network has no class for it.
        """
        if target not in CLASSES:
            raise MethodError(
                f"VISTA3D has no class for {target!r}; leave it out, or give one of {', '.join(CLASSES)}"
            )
        ids = torch.tensor(CLASSES[target], device=self._device)[:, None]
        return self._mask(self._slide(ids))

    def click(self, click: Click) -> BoolArray:
        """Refuse: it is told the class."""
        raise MethodError("vista3d is told the class and takes no clicks; vista3d_points does")

    @torch.inference_mode()
    def _slide(self, ids: Tensor) -> Tensor:
        """Return logits of the likeliest of several classes, [1, 1, I, J, K] on the CPU."""
        from monai.inferers.utils import sliding_window_inference

        def likeliest(window: Tensor) -> Tensor:
            return self._network(window, class_vector=ids).amax(dim=0, keepdim=True)  # type: ignore[no-any-return]

        logits: Any = sliding_window_inference(
            self._image,
            self._window,
            1,
            likeliest,
            overlap=_OVERLAP,
            mode="gaussian",
            padding_mode="replicate",
            sw_device=self._device,
            device="cpu",
        )
        return logits  # type: ignore[no-any-return]  # of one output it is a tensor


class PointsMethod(_Vista3D):
    """VISTA3D told by points: each changes a window around it, in what hangs together with the point."""

    prompting: Prompting = "clicks"
    _logits: Tensor | None

    def restart(self, target: str) -> BoolArray:
        """Forget all clicks, keep the scan; return an empty mask."""
        self._forget()
        return np.zeros(self._grid.orientation.native_shape, dtype=np.bool_)

    def click(self, click: Click) -> BoolArray:
        """Return the mask after one more click."""
        self._clicks.append(click)
        logits = self._answer()
        self._logits = logits
        return self._mask(logits)

    def _forget(self) -> None:
        self._clicks: list[Click] = []
        self._logits = None

    @torch.inference_mode()
    def _answer(self) -> Tensor:
        """Return the logits after the last click, [1, 1, I, J, K]."""
        from monai.apps.vista3d.inferer import point_based_window_inferer

        at = np.stack([self._grid.to_model_ijk(click.ijk) for click in self._clicks])
        inside = np.clip(np.round(at), 0, np.array(self._image.shape[2:]) - 1)
        found: Any = point_based_window_inferer(
            self._image.to(self._device),
            self._window,
            self._network,
            point_coords=torch.tensor(inside[None], dtype=torch.int64, device=self._device),
            point_labels=torch.tensor([[int(c.positive) for c in self._clicks]], device=self._device),
            prev_mask=self._logits,
            point_start=len(self._clicks) - 1,
            transpose=True,
        )
        return torch.nan_to_num(found.as_tensor(), nan=_UNSEEN)


def as_the_bundle(volume: Volume) -> tuple[ModelGrid, Tensor]:
    """Return the grid on which the network works, and the scan on it as the bundle would feed it: [1, 1, I, J, K]."""
    grid = ModelGrid.of(volume.affine, volume.shape, _SPACING_MM)
    shares: FloatArray = (grid.resample(volume.array) - _LOWEST) / (_HIGHEST - _LOWEST)
    return grid, torch.from_numpy(np.clip(shares, 0, 1).astype(np.float32))[None, None]


def load_vista3d(path: Path) -> Any:
    """Return the network with the weights of a file: the bundle's models/model.pt.

    Raises:
        MethodError: MONAI is not installed; the file is missing, damaged or of another network.
    """
    try:
        from monai.networks.nets.vista3d import vista3d132
    except ImportError as error:
        raise MethodError(f'VISTA3D needs MONAI ({error}); pip install "seganypet[evaluate]"') from error
    tensors = _tensors(path)
    embeddings = tensors.get("class_head.class_embeddings.weight")
    if embeddings is None or embeddings.ndim != 2:
        raise MethodError(f"{path}: holds no class embeddings; expected VISTA3D's models/model.pt")
    try:
        network = vista3d132(encoder_embed_dim=embeddings.shape[1])
        network.load_state_dict(tensors)
    except (RuntimeError, ValueError) as error:
        raise MethodError(
            f"{path}: does not fit VISTA3D ({reason_of(error)}); expected its models/model.pt"
        ) from error
    return network


def _tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint, by name."""
    if not path.is_file():
        raise MethodError(f"{path}: no such file; give models/model.pt of MONAI's bundle vista3d")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of a damaged file: anything may be raised
        raise MethodError(f"{path}: cannot be read ({reason_of(error)}); download it again") from error
    if isinstance(content, dict) and isinstance(content.get("model"), dict):
        content = content["model"]
    if not isinstance(content, dict) or not all(isinstance(t, Tensor) for t in content.values()):
        raise MethodError(f"{path}: holds no named tensors; expected VISTA3D's models/model.pt")
    return content


def _class_method(argument: str, options: Options) -> ClassMethod:
    return ClassMethod(load_vista3d(Path(argument)), device_named(options.device))


def _points_method(argument: str, options: Options) -> PointsMethod:
    return PointsMethod(load_vista3d(Path(argument)), device_named(options.device))


_LICENCE: Final = "code Apache-2.0; weights: the bundle's LICENSE.weights allows research and evaluation only"
_GET: Final = 'pip install "seganypet[evaluate]"; download models/model.pt of vista3d in MONAI\'s model zoo'
_TESTED: Final = "whole, with random weights of a small VISTA3D; the released weights have not been run"

ENTRIES = {
    "vista3d": Entry(
        title="VISTA3D",
        build=_class_method,
        argument="FILE",
        prompt="target id",
        licence=_LICENCE,
        get=_GET,
        tested=_TESTED,
        published=("VISTA3D",),
    ),
    "vista3d_points": Entry(
        title="VISTA3D, points",
        build=_points_method,
        argument="FILE",
        prompt="1 point",
        licence=_LICENCE,
        get=_GET,
        tested=_TESTED,
    ),
}
