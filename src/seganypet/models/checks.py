"""Refusals of tensors that do not fit a network."""

from __future__ import annotations

import torch
from torch import Tensor

from seganypet.errors import GeometryError, ImageValueError, PromptError, UsageError

# Labels of the first and the last voxel of a box among the points, as in SAM.
FIRST_CORNER, LAST_CORNER = 2, 3


def require_tensor(name: str, value: object) -> Tensor:
    """Return a value that is a tensor.

    Raises:
        UsageError: It is none.
    """
    if not isinstance(value, Tensor):
        raise UsageError(f"{name} is of type {type(value).__name__}; give a torch tensor")
    return value


def finite(name: str, value: object, device: torch.device) -> Tensor:
    """Return a tensor of any real type as float32 on a device.

    Raises:
        UsageError: It is no tensor.
        ImageValueError: It holds NaN or infinity.
    """
    tensor = require_tensor(name, value).to(device, torch.float32)
    if not bool(torch.isfinite(tensor).all()):
        raise ImageValueError(f"{name} holds NaN or infinity; give finite numbers")
    return tensor


def check_cube(name: str, tensor: Tensor, channels: int, side: int) -> None:
    """Refuse a tensor that is not [B, channels, side, side, side].

    Raises:
        UsageError: It is no tensor.
        GeometryError: It has another shape.
    """
    require_tensor(name, tensor)
    expected = (channels, side, side, side)
    if tensor.shape[1:] != expected:
        raise GeometryError(f"{name} has shape {tuple(tensor.shape)}; this model takes {('B', *expected)}")


def check_points(point_coords: Tensor | None, point_labels: Tensor | None) -> None:
    """Refuse clicks that are not coordinates [B, N, 3] with labels [B, N], or neither of them.

    Raises:
        PromptError: They have other shapes, or one of them is missing.
    """
    if point_coords is None and point_labels is None:
        return
    if point_coords is None or point_labels is None:
        missing = "point_coords" if point_coords is None else "point_labels"
        raise PromptError(f"{missing} is None; give coordinates and labels, or neither")
    if point_coords.ndim != 3 or point_coords.shape[2] != 3 or point_labels.shape != point_coords.shape[:2]:
        found = f"{tuple(point_coords.shape)} and {tuple(point_labels.shape)}"
        raise PromptError(f"point_coords and point_labels have shapes {found}; give [B, N, 3] and [B, N]")


def common_batch(embeddings: int, point_coords: Tensor | None, low_res_logits: Tensor | None) -> int:
    """Return the number of prompts; one embedding may be shared by all of them.

    Raises:
        GeometryError: The numbers do not match.
    """
    prompts = {len(given) for given in (point_coords, low_res_logits) if given is not None}
    batch = prompts.pop() if prompts else embeddings
    if prompts or embeddings not in (1, batch):
        sizes = f"{embeddings} embeddings, {batch} point sets or {sorted(prompts) or batch} masks"
        raise GeometryError(f"batches differ: {sizes}; give as many of each, or one embedding for all")
    return batch


def check_labels(labels: Tensor, *, boxes: bool = False) -> None:
    """Refuse labels of points that a network does not know.

    Args:
        labels: [B, N].
        boxes: Whether the network learned boxes.

    Raises:
        PromptError: There are others than 1, 0 and -1, and with boxes 2 and 3.
    """
    known = (labels == 1) | (labels == 0) | (labels == -1)
    corners = (labels == FIRST_CORNER) | (labels == LAST_CORNER)
    refused = ~(known | corners) if boxes else ~known
    if not bool(refused.any()):
        return
    found = labels[refused].flatten()[0].item()
    if found in (FIRST_CORNER, LAST_CORNER):
        raise PromptError(
            f"point_labels holds {found}, the corner of a box, but these weights never learned boxes; click instead"
        )
    more = ", 2 and 3 (first and last voxel of a box)" if boxes else ""
    raise PromptError(f"point_labels holds {found}; use 1 (positive), 0 (negative) or -1 (padding){more}")
