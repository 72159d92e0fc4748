"""A trained network's label maps of whole scans, on the scans' own grids."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


class Predictor:
    """nnU-Net's prediction by overlapping patches, with a network that is in memory.

    Args:
        trainer: After `initialize`, with the weights to use.
    """

    def __init__(self, trainer: Any) -> None:
        from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

        trainer.set_deep_supervision_enabled(False)
        self._trainer = trainer
        self._predictor = nnUNetPredictor(
            use_mirroring=trainer.mirroring, device=trainer.device, allow_tqdm=False
        )
        self._predictor.manual_initialization(
            trainer.network,
            trainer.plans_manager,
            trainer.configuration_manager,
            [trainer.network.state_dict()],
            trainer.dataset_json,
            type(trainer).__name__,
            trainer.inference_allowed_mirroring_axes,
        )

    def label_map(self, image: Path) -> npt.NDArray[np.int16]:
        """Return the classes of an exported scan, int16 [I, J, K] on its grid. Inside `framework` only."""
        import torch

        trainer = self._trainer
        preprocessor = trainer.configuration_manager.preprocessor_class(verbose=False)
        data, _, properties = preprocessor.run_case(
            [str(image)], None, trainer.plans_manager, trainer.configuration_manager, trainer.dataset_json
        )
        logits = self._predictor.predict_logits_from_preprocessed_data(torch.from_numpy(data)).cpu()
        classes = most_likely(logits, properties, trainer.plans_manager, trainer.configuration_manager)
        return classes.transpose(2, 1, 0)  # nnU-Net reads k, j, i


def most_likely(
    logits: Any, properties: dict[str, Any], plans: Any, configuration: Any
) -> npt.NDArray[np.int16]:
    """Return the class of the highest logit, on the grid that was read, as nnU-Net does, but class by class.

    All logits of a whole-body scan on its own grid would take gigabytes; here those of one class do.

    Args:
        logits: Tensor [classes, …] on the grid of the training, cropped.
        properties: What nnU-Net's preprocessor tells of the scan.
        plans: nnU-Net's manager of plans.
        configuration: Its manager of the configuration.
    """
    shape = tuple(int(n) for n in properties["shape_after_cropping_and_before_resampling"])
    spacing = [properties["spacing"][axis] for axis in plans.transpose_forward]
    highest = np.full(shape, -np.inf, dtype=np.float32)
    inside = np.zeros(shape, dtype=np.int16)
    for number in range(logits.shape[0]):
        one = logits[number : number + 1].float()
        resampled = configuration.resampling_fn_probabilities(one, shape, configuration.spacing, spacing)[0]
        higher = np.asarray(resampled) > highest
        inside[higher] = number
        np.copyto(highest, np.asarray(resampled), where=higher)
    whole = np.zeros(tuple(properties["shape_before_cropping"]), dtype=np.int16)
    whole[tuple(slice(first, stop) for first, stop in properties["bbox_used_for_cropping"])] = inside
    return whole.transpose(plans.transpose_backward)
