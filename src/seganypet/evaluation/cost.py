"""What a network costs: seconds, operations and memory, of its parts and of a session on a scan."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from itertools import cycle, islice
from typing import cast

import torch
from torch import Tensor

from seganypet.evaluation.fresh_process import peak_gpu_bytes, peak_resident_bytes
from seganypet.evaluation.scan import Organ, place_organs, synthetic_scan
from seganypet.evaluation.scripted_model import ScriptedModel
from seganypet.evaluation.throughput import count_flops, seconds_of
from seganypet.inference import Session
from seganypet.models.model import Precision, SegmentationModel, Segmenter
from seganypet.models.presets import PRESETS, build_preset
from seganypet.models.weights import load_model
from seganypet.volume import Volume

# Where clicks go after the first: parts of the target's half axis, away from its centre.
_LATER_CLICKS = (0.3, -0.3, 0.5, -0.5, 0.2, -0.2)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A network to be measured; exactly one of `preset` and `weights` is given.

    Attributes:
        preset: Name of a preset, which gets random weights: they cost the same.
        weights: Name of shipped weights, or the path of a file.
        precision: What it computes in.
        device: Where.
    """

    preset: str | None = None
    weights: str | None = None
    precision: Precision
    device: torch.device

    def load(self) -> SegmentationModel:
        """Return the model.

        Raises:
            WeightsError: The preset is unknown, or the weights cannot be loaded.
        """
        if self.weights is not None:
            return load_model(self.weights, device=str(self.device), precision=self.precision)
        network, description = build_preset(str(self.preset)), PRESETS[str(self.preset)]
        return SegmentationModel(network, description, device=self.device, precision=self.precision)


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is to be segmented.

    Attributes:
        shape: Voxels of the scan along i, j, k.
        spacing_mm: Their size.
        clicks: For each target.
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    clicks: int


@dataclass(frozen=True, kw_only=True)
class PartCost:
    """What one run of the encoder or the decoder costs.

    Attributes:
        seconds: Median of several runs.
        flops: Operations of matrix products, convolutions and attention; multiplication and addition are two.
        precision: What the part computed in, which need not be the network's.
    """

    seconds: float
    flops: int
    precision: Precision


@dataclass(frozen=True, kw_only=True)
class TargetCost:
    """What the segmentation of a target costs.

    Attributes:
        target: Which one.
        windows: How many windows it took.
        mask_ml: Volume of the mask.
        first_click_seconds: From the click to the mask on the scan's grid.
        later_click_seconds: Median of the further clicks; None where there was one only.
        case_seconds: The whole case but for reading the file: setting the volume, all clicks, the mask.
    """

    target: str
    windows: int
    mask_ml: float
    first_click_seconds: float
    later_click_seconds: float | None
    case_seconds: float


@dataclass(frozen=True, kw_only=True)
class NetworkCost:
    """What a network costs.

    Attributes:
        network: Its name.
        precision: What it was asked to compute in; not all parts do.
        parameters: How many numbers it has learned, or could.
        patch_voxels: Along each side of a patch.
        voxel_mm: Edge of the working grid's voxels.
        encoder: Of one patch.
        decoder: Of one click on it, with the logits before.
        set_volume_seconds: From the scan to the working grid.
        targets: On the scan.
        peak_resident_bytes: Most memory the process held on the host, whatever the device; Python, libraries and
            scan included. None where the system does not tell.
        peak_gpu_bytes: Most memory that tensors held on the GPU; None on other devices.
    """

    network: str
    precision: Precision
    parameters: int
    patch_voxels: int
    voxel_mm: float
    encoder: PartCost
    decoder: PartCost
    set_volume_seconds: float
    targets: tuple[TargetCost, ...]
    peak_resident_bytes: int | None
    peak_gpu_bytes: int | None


def check_task(subject: Subject, task: Task) -> None:
    """Refuse, without measuring, a network that cannot be had or a scan that is too small for its windows.

    Raises:
        WeightsError: As for `Subject.load`.
        UsageError: As for `place_organs`.
    """
    if subject.weights is not None:
        _organs(load_model(subject.weights, device="cpu", precision="float32"), task)
        return
    with torch.device("meta"):  # sizes without memory
        network = build_preset(str(subject.preset))
    _organs(SegmentationModel(network, PRESETS[str(subject.preset)], device=torch.device("meta")), task)


def measure_network(subject: Subject, task: Task) -> NetworkCost:
    """Return what a network costs in this process, which should be a fresh one for the sake of its peak memory.

    Raises:
        WeightsError: As for `Subject.load`.
        UsageError: As for `place_organs`.
    """
    model = subject.load()
    organs = _organs(model, task)
    encoder_seconds, decoder_seconds = _time_parts(model)
    volume = synthetic_scan(task.shape, task.spacing_mm, organs)
    set_volume_seconds, targets = _measure_session(model, volume, organs, task.clicks)
    peak, peak_gpu = peak_resident_bytes(), peak_gpu_bytes(model.device)
    decoder_precision = _decoder_precision(model)
    encoder_flops, decoder_flops = _count_parts(model)
    return NetworkCost(
        network=model.description.name,
        precision=model.precision,
        parameters=sum(p.numel() for p in model.network.parameters()),
        patch_voxels=model.patch_size,
        voxel_mm=model.description.spacing_mm,
        encoder=PartCost(seconds=encoder_seconds, flops=encoder_flops, precision=model.precision),
        decoder=PartCost(seconds=decoder_seconds, flops=decoder_flops, precision=decoder_precision),
        set_volume_seconds=set_volume_seconds,
        targets=targets,
        peak_resident_bytes=peak,
        peak_gpu_bytes=peak_gpu,
    )


def _organs(model: SegmentationModel, task: Task) -> tuple[Organ, ...]:
    window_mm = model.patch_size * model.description.spacing_mm
    return place_organs(task.shape, task.spacing_mm, window_mm, network=model.description.name)


def _decoder_precision(model: SegmentationModel) -> Precision:
    """Return what the decoder computes in: 16 bits only where the whole network does."""
    whole = cast(Segmenter, model.network).autocast_part is model.network
    return model.precision if whole else "float32"


def _inputs(model: SegmentationModel) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
    """Return a patch, and a click in its middle with the logits before: coordinates, label, logits."""
    size, field, low = model.patch_size, model.field_size, model.logits_size
    patch = torch.randn(1, 1, field, field, field, device=model.device)
    coords = torch.full((1, 1, 3), size / 2, device=model.device)
    labels = torch.ones(1, 1, dtype=torch.long, device=model.device)
    return patch, (coords, labels, torch.randn(1, 1, low, low, low, device=model.device))


def _time_parts(model: SegmentationModel) -> tuple[float, float]:
    """Return the median seconds of encoder and decoder."""
    patch, prompts = _inputs(model)
    embedding = model.encode(patch)
    encoding = seconds_of(lambda: model.encode(patch), model.device)
    decoding = seconds_of(lambda: model.decode(embedding, *prompts), model.device)
    return statistics.median(encoding), statistics.median(decoding)


def _count_parts(model: SegmentationModel) -> tuple[int, int]:
    """Return the operations of encoder and decoder; the network is in float32 afterwards.

    Their number does not depend on the precision, and torch's counter disturbs autocast.
    """
    patch, prompts = _inputs(model)
    network = cast(Segmenter, model.network.float())
    with torch.no_grad():
        embedding = network.encode(patch)
        encoding = count_flops(lambda: network.encode(patch))
        return encoding, count_flops(lambda: network.decode(embedding, *prompts))


def _measure_session(
    model: SegmentationModel, volume: Volume, organs: tuple[Organ, ...], clicks: int
) -> tuple[float, tuple[TargetCost, ...]]:
    """Return the seconds that setting the volume takes, and the cost of each target."""
    scripted = ScriptedModel(model)
    started = time.perf_counter()
    session = Session(scripted)
    session.set_volume(volume)
    set_volume_seconds = time.perf_counter() - started
    targets = []
    for organ in organs:
        session.reset()
        targets.append(_measure_target(session, scripted, organ, clicks, set_volume_seconds))
    return set_volume_seconds, tuple(targets)


def _measure_target(
    session: Session, model: ScriptedModel, organ: Organ, clicks: int, set_volume_seconds: float
) -> TargetCost:
    """Return the cost of a target, from one click in its middle and further ones along its length."""
    before, windows, seconds = model.encoded, 0, []
    for along in (0.0, *islice(cycle(_LATER_CLICKS), clicks - 1)):
        started = time.perf_counter()
        session.add_click(organ.click(along, session.volume.spacing_mm))
        seconds.append(time.perf_counter() - started)
        windows = windows or model.encoded - before  # of the first click: later ones find embeddings kept
    started = time.perf_counter()
    mask = session.mask
    mask_seconds = time.perf_counter() - started
    return TargetCost(
        target=organ.name,
        windows=windows,
        mask_ml=mask.volume_ml,
        first_click_seconds=seconds[0],
        later_click_seconds=statistics.median(seconds[1:]) if seconds[1:] else None,
        case_seconds=set_volume_seconds + sum(seconds) + mask_seconds,
    )
