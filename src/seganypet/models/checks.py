"""Refusals of tensors that do not fit a network."""

from __future__ import annotations

from torch import Tensor

from seganypet.errors import GeometryError, PromptError


def check_cube(name: str, tensor: Tensor, channels: int, side: int) -> None:
    """Refuse a tensor that is not [B, channels, side, side, side].

    Raises:
        GeometryError: It has another shape.
    """
    expected = (channels, side, side, side)
    if tensor.shape[1:] != expected:
        raise GeometryError(f"{name} has shape {tuple(tensor.shape)}; this model takes {('B', *expected)}")


def check_points(point_coords: Tensor, point_labels: Tensor) -> None:
    """Refuse clicks that are not coordinates [B, N, 3] with labels [B, N].

    Raises:
        PromptError: They have other shapes.
    """
    if point_coords.ndim != 3 or point_coords.shape[2] != 3 or point_labels.shape != point_coords.shape[:2]:
        found = f"{tuple(point_coords.shape)} and {tuple(point_labels.shape)}"
        raise PromptError(f"point_coords and point_labels have shapes {found}; give [B, N, 3] and [B, N]")


def check_labels(labels: Tensor) -> None:
    """Refuse labels of clicks that no network knows.

    Raises:
        PromptError: There are others than 1, 0 and -1.
    """
    known = (labels == 1) | (labels == 0) | (labels == -1)
    if not bool(known.all()):
        found = labels[~known].flatten()[0].item()
        raise PromptError(f"point_labels holds {found}; use 1 (positive), 0 (negative) or -1 (padding)")
