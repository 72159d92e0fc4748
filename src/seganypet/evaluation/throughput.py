"""What the machine can do: seconds and operations of a piece of work, and the rate at which matrices multiply."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn import functional as F  # noqa: N812
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

from seganypet.models.device import computes_bfloat16
from seganypet.models.model import Precision

# The largest linear layer of the papers' image encoder: tokens of a patch, channels in, channels out.
_TOKENS, _CHANNELS, _HIDDEN = 512, 768, 3072
_SIDE = 8  # the tokens as a cube
_LEAST, _MOST, _ENOUGH_S = 3, 30, 2.0


@dataclass(frozen=True, kw_only=True)
class MatrixRate:
    """The rate of the fastest way to multiply matrices.

    Attributes:
        precision: Of the numbers.
        flops_per_second: A multiplication and its addition are two operations.
        operation: Which way it was.
    """

    precision: Precision
    flops_per_second: float
    operation: str


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where costs were measured.

    Attributes:
        processor: Its name, as the system gives it.
        device: What the networks run on, as torch calls it.
        gpu: Its name, if it is one.
        threads: Of torch.
        bfloat16_native: Whether the device computes in bfloat16 rather than emulate it.
        matrix_rates: One for each precision.
    """

    processor: str
    device: str
    gpu: str | None
    threads: int
    bfloat16_native: bool
    matrix_rates: tuple[MatrixRate, ...]


def measure_machine(precisions: Sequence[Precision], device: torch.device) -> Machine:
    """Return what this process can do on a device."""
    return Machine(
        processor=processor_name(),
        device=str(device),
        gpu=torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        threads=torch.get_num_threads(),
        bfloat16_native=computes_bfloat16(device),
        matrix_rates=tuple(matrix_rate(precision, device) for precision in precisions),
    )


def matrix_rate(precision: Precision, device: torch.device) -> MatrixRate:
    """Return the highest rate seen, of a plain product and of a 1×1×1 convolution.

    Both multiply the same matrices, but different libraries compute them: MKL, oneDNN. Which is the faster
    depends on the processor and the precision.
    """
    dtype = getattr(torch, precision)
    tokens = torch.randn(_TOKENS, _CHANNELS, dtype=dtype, device=device)
    weight = torch.randn(_CHANNELS, _HIDDEN, dtype=dtype, device=device)
    cube = tokens.view(1, _SIDE, _SIDE, _SIDE, _CHANNELS).permute(0, 4, 1, 2, 3)  # channels last
    kernel = weight.t().reshape(_HIDDEN, _CHANNELS, 1, 1, 1).to(memory_format=torch.channels_last_3d)
    ways: dict[str, Callable[[], object]] = {
        "matrix product": lambda: tokens @ weight,
        "1×1×1 convolution": lambda: F.conv3d(cube, kernel),
    }
    with torch.inference_mode():
        shortest = {name: min(seconds_of(action, device)) for name, action in ways.items()}
    operation = min(shortest, key=lambda name: shortest[name])
    flops = 2 * _TOKENS * _CHANNELS * _HIDDEN
    return MatrixRate(precision=precision, flops_per_second=flops / shortest[operation], operation=operation)


def seconds_of(action: Callable[[], object], device: torch.device) -> list[float]:
    """Return the seconds of several runs, after one that does not count.

    There are at least three, and up to thirty as long as two seconds have not passed.
    """
    seconds: list[float] = []
    _run_to_the_end(action, device)
    while len(seconds) < _LEAST or (len(seconds) < _MOST and sum(seconds) < _ENOUGH_S):
        started = time.perf_counter()
        _run_to_the_end(action, device)
        seconds.append(time.perf_counter() - started)
    return seconds


def _convolution_flops(
    x: Sequence[int], weight: Sequence[int], *_: object, out_shape: Sequence[int], **__: object
) -> int:
    """Return the operations of a convolution from the shapes of what it takes and gives."""
    return int(conv_flop_count(list(x), list(weight), list(out_shape)))


def count_flops(action: Callable[[], object]) -> int:
    """Return the floating-point operations of matrix products, convolutions and attention in a piece of work.

    A multiplication and its addition are two operations. Element-wise work, norms and resizing are not counted.

    Not for work under autocast: the counter takes composite operations apart where autocast does not see them.
    """
    counter = FlopCounterMode(
        display=False,
        # Unknown to torch's own counter, which hence gives attention and oneDNN's convolutions on a CPU as free.
        custom_mapping={
            torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention_flops,
            torch.ops.aten.mkldnn_convolution: _convolution_flops,
        },
    )
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # a whole layer in one operation, which would not count
    try:
        with counter:
            action()
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
    return int(counter.get_total_flops())


def processor_name() -> str:
    """Return the processor's name, as Linux tells it, or else what Python knows."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


def _run_to_the_end(action: Callable[[], object], device: torch.device) -> None:
    """Run, and wait for a GPU to finish."""
    action()
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _attention_flops(
    query: Sequence[int], key: Sequence[int], value: Sequence[int], *_: object, **__: object
) -> int:
    """Return the operations of queries [..., N, C] on keys [..., M, C], and of the weights on values [..., M, D]."""
    batch, heads, queries, channels = query
    return 2 * batch * heads * queries * key[-2] * (channels + value[-1])
