"""Tensors of a file into a network: whether they fit, and copies that the network owns."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from seganypet.errors import WeightsError

_SHOWN = 3
# What tensors that do not fit may be, and the remedy.
ANOTHER = "weights of another architecture? choose the original file of SegAnyPET, SAM-Med3D or your training"
# What the functions of torch.nn.init call that cannot be intercepted themselves.
_DRAWING = (Tensor.uniform_, Tensor.normal_)


@contextlib.contextmanager
def unfilled() -> Iterator[None]:
    """Within this context networks are built without memory, and without drawing the weights that `fill` replaces.

    So sizes of any file, however large, cost nothing before they are compared with its tensors, and the user's
    sequence of random numbers goes on as if nothing had been loaded.
    """
    with torch.device("meta"), _Undrawn():
        yield


class _Undrawn(TorchFunctionMode):
    """Initialises no tensor: on the meta device even to pretend so imports 800 modules of torch, for 2 s."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call a function of torch, unless it initialises a tensor."""
        kwargs = kwargs or {}
        if func in _DRAWING or getattr(func, "__module__", None) == "torch.nn.init":
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return func(*args, **kwargs)


def fill(network: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    """Give a network, built `unfilled`, the tensors of a file.

    Args:
        network: Its parameters become float32, contiguous, and share memory with nothing.
        tensors: By name, of any real dtype; emptied, so that a large file is not held twice.
        path: The file, for messages.

    Raises:
        WeightsError: Tensors are missing, unknown, of another shape, or not finite.
    """
    expected = network.state_dict()
    require_fit(expected, tensors, path)
    owned = {name: _owned(tensors.pop(name), like) for name, like in expected.items()}
    if broken := [name for name, tensor in owned.items() if not _is_finite(tensor)]:
        raise WeightsError(
            f"{path}: holds NaN or infinity in {len(broken)} tensors ({_first(broken)}); "
            "copy the file again, or use another checkpoint of that training"
        )
    network.load_state_dict(owned, assign=True)


def require_fit(
    expected: Mapping[str, Tensor],
    tensors: Mapping[str, Tensor],
    path: Path,
    *,
    hint: str = ANOTHER,
) -> None:
    """Refuse tensors whose names or shapes are not those of a network.

    Args:
        expected: The network's tensors; only their shapes count.
        tensors: Those of a file.
        path: The file, for the message.
        hint: End of the message where names differ.

    Raises:
        WeightsError: Tensors are missing, unknown or of another shape.
    """
    missing = [name for name in expected if name not in tensors]
    unknown = [name for name in tensors if name not in expected]
    found = []
    if missing:
        found.append(f"lacks {len(missing)} of {len(expected)} tensors ({_first(missing)})")
    if unknown:
        found.append(f"holds {len(unknown)} unknown tensors ({_first(unknown)})")
    if found:
        raise WeightsError(f"{path}: {' and '.join(found)}; {hint}")
    wrong = [
        f"{name} {tuple(tensors[name].shape)} instead of {tuple(like.shape)}"
        for name, like in expected.items()
        if tensors[name].shape != like.shape
    ]
    if wrong:
        raise WeightsError(f"{path}: has another shape for {len(wrong)} tensors ({_first(wrong)}); {ANOTHER}")


def printable(name: str) -> str:
    """Return a name as a message may show it: a file may hold any, with line breaks and control characters."""
    return name if name.isprintable() else repr(name)


def _owned(tensor: Tensor, like: Tensor) -> Tensor:
    """Return a contiguous copy: what was read may be a view of a file that somebody replaces later."""
    dtype = torch.float32 if like.is_floating_point() else like.dtype
    return tensor.detach().to(dtype, copy=True, memory_format=torch.contiguous_format)


def _is_finite(tensor: Tensor) -> bool:
    """Return whether no number is NaN or infinite; many times faster than to ask each."""
    return all(math.isfinite(extreme) for extreme in torch.aminmax(tensor))


def _first(names: Sequence[str]) -> str:
    return ", ".join(map(printable, names[:_SHOWN])) + (", …" if len(names) > _SHOWN else "")
