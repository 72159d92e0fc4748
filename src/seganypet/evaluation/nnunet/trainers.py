"""nnU-Net trainers for a short budget: nnU-Net's own network, STU-Net, SegResNet and SwinUNETR.

Data, augmentation, loss, batches and prediction are nnU-Net's for all four. STU-Net is trained like nnU-Net's network,
with deep supervision. SegResNet (Myronenko 2018, arXiv 1810.11654) and SwinUNETR (Hatamizadeh et al. 2022, arXiv
2201.01266) are MONAI's, with their papers' depths and without deep supervision; SwinUNETR, which has attention, learns
by AdamW, as it does there. AdamW serves the others as well where the budget is too short for nnU-Net's SGD.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from seganypet.evaluation.nnunet.settings import Settings
from seganypet.evaluation.nnunet.stunet import STUNet, size_of, strides_for

Tell = Callable[[str], None]

# What the classes below are mixed with in `trainer_class`; a name of its own, so that importing this stays light.
_TrainerBase: Any = object
_BEST: Final = "checkpoint_best.pth"
_POLY_EXPONENT: Final = 0.9
# Of nnU-Net's SGD, and of the AdamW that SwinUNETR is usually trained with.
_LEARNING_RATES: Final[Mapping[str, float]] = {"sgd": 1e-2, "adamw": 5e-4}
_ADAMW_DECAY: Final = 1e-5


class BudgetedTrainer(_TrainerBase):  # type: ignore[misc]
    """What all four add to nnU-Net's trainer, whose constructor they keep.

    Attributes:
        optimizer_name: One of `OPTIMIZERS`, where the settings name none.
        settings: What `configure` was given.
        mirroring: Whether scans are mirrored in augmentation and prediction.
        tell: Told a line after every epoch.
    """

    optimizer_name: str = "sgd"
    settings: Settings
    mirroring: bool = True
    tell: Tell | None = None

    def configure(self, settings: Settings, *, mirroring: bool, tell: Tell | None) -> None:
        """Set length and learning of the training, before `initialize`."""
        self.settings, self.mirroring, self.tell = settings, mirroring, tell
        self.num_epochs = settings.epochs
        self.num_iterations_per_epoch = settings.iterations
        self.num_val_iterations_per_epoch = max(1, settings.iterations // 10)
        self.save_every = 1
        self.optimizer_name = settings.optimizer or self.optimizer_name
        self.initial_lr = settings.learning_rate or _LEARNING_RATES[self.optimizer_name]

    @property
    def spent_s(self) -> float:
        """Seconds that all finished epochs took, those before an interruption as well."""
        starts = self.logger.get_value("epoch_start_timestamps", None)
        ends = self.logger.get_value("epoch_end_timestamps", None)
        return float(sum(end - start for start, end in zip(starts, ends, strict=False)))

    def progress(self) -> float:
        """Return which part of its budget the training has used, of epochs or of time, whichever is more."""
        of_epochs = self.current_epoch / self.num_epochs
        if self.settings.minutes is None:
            return float(of_epochs)
        return float(min(1.0, max(of_epochs, self.spent_s / (60 * self.settings.minutes))))

    def run_training(self) -> None:
        """Train epoch by epoch, as nnU-Net does, until the budget is used; go on where a checkpoint has ended."""
        self.on_train_start()
        while self.current_epoch < self.num_epochs and not self._is_time_up():
            self._run_epoch()
            if self.tell:
                self.tell(self._line())
        self.on_train_end()

    def configure_optimizers(self) -> tuple[Any, Any]:
        """Return the optimiser, and a learning rate that falls with the budget."""
        from torch.optim import AdamW

        if self.optimizer_name == "adamw":
            optimizer: Any = AdamW(self.network.parameters(), self.initial_lr, weight_decay=_ADAMW_DECAY)
        else:
            optimizer, _ = super().configure_optimizers()
        return optimizer, PolynomialDecay(optimizer, self.initial_lr, self.progress)

    def configure_rotation_dummyDA_mirroring_and_inital_patch_size(self) -> tuple[Any, ...]:  # noqa: N802
        """Return nnU-Net's choice, without mirroring where left and right have names of their own.

        Patches that are not rotated are cut out as large as they stay.
        """
        rotation, dummy_2d, patch, axes = super().configure_rotation_dummyDA_mirroring_and_inital_patch_size()
        axes = axes if self.mirroring and self.settings.augmentation else None
        patch = patch if self.settings.augmentation else self.configuration_manager.patch_size
        self.inference_allowed_mirroring_axes = axes
        return rotation, dummy_2d, patch, axes

    def get_training_transforms(self, *given: Any, **named: Any) -> Any:
        """Return nnU-Net's augmentation; without augmentation what it does to patches that it only watches."""
        if self.settings.augmentation:
            return super().get_training_transforms(*given, **named)
        _, _, scales, *_ = given
        named.pop("use_mask_for_norm")
        return self.get_validation_transforms(scales, **named)

    def save_checkpoint(self, filename: str) -> None:
        """Write a checkpoint, whole or not at all; none of the best epoch, which nothing reads."""
        path = Path(filename)
        if path.name != _BEST:
            partial = path.with_name(f".{path.name}.partial")
            super().save_checkpoint(str(partial))
            os.replace(partial, path)  # noqa: PTH105  in one step, also where the file exists

    def plot_network_architecture(self) -> None:
        """Draw nothing: that needs another library."""

    def _save_debug_information(self) -> None:
        """Keep what is known of the machine to ourselves."""

    def _is_time_up(self) -> bool:
        """Whether another epoch of average length would end more than half of it late."""
        if self.settings.minutes is None or self.current_epoch == 0:
            return False
        return bool(self.spent_s * (1 + 0.5 / self.current_epoch) > 60 * self.settings.minutes)

    def _run_epoch(self) -> None:
        import torch

        self.on_epoch_start()
        self.on_train_epoch_start()
        batches = range(self.num_iterations_per_epoch)
        self.on_train_epoch_end([self.train_step(next(self.dataloader_train)) for _ in batches])
        with torch.no_grad():
            self.on_validation_epoch_start()
            batches = range(self.num_val_iterations_per_epoch)
            self.on_validation_epoch_end([self.validation_step(next(self.dataloader_val)) for _ in batches])
        self.on_epoch_end()

    def _line(self) -> str:
        loss, dice = (self.logger.get_value(name, -1) for name in ("train_losses", "mean_fg_dice"))
        return (
            f"epoch {self.current_epoch} of {self.num_epochs}: loss {loss:.3f}, Dice {dice:.3f} on patches, "
            f"{self.spent_s / 60:.1f} min"
        )


class PlainTrainer(BudgetedTrainer):
    """For networks without deep supervision."""

    def configure(self, settings: Settings, *, mirroring: bool, tell: Tell | None) -> None:
        """Set the length of the training; one output only."""
        super().configure(settings, mirroring=mirroring, tell=tell)
        self.enable_deep_supervision = False

    def set_deep_supervision_enabled(self, enabled: bool) -> None:
        """Do nothing: there is none."""


class NnUNetTrainer(BudgetedTrainer):
    """nnU-Net's own network, as planned."""


class STUNetTrainer(BudgetedTrainer):
    """STU-Net of the size that has the width asked for."""

    def build_network_architecture(
        self,
        plans_manager: Any,
        configuration_manager: Any,
        num_input_channels: int,
        num_output_channels: int,
        enable_deep_supervision: bool = True,
    ) -> Any:
        """Return the network."""
        size = size_of(self.settings.channels)
        assert size is not None, "settings with a width that there is not"
        strides = strides_for(configuration_manager.patch_size)
        network = STUNet(inputs=num_input_channels, classes=num_output_channels, size=size, strides=strides)
        network.decoder.deep_supervision = enable_deep_supervision
        return network

    def _get_deep_supervision_scales(self) -> list[list[float]] | None:
        """Return the resolution of each head, as a part of the patch's."""
        if not self.enable_deep_supervision:
            return None
        scales = [[1.0, 1.0, 1.0]]
        for stride in strides_for(self.configuration_manager.patch_size)[:-1]:
            scales.append([scale / n for scale, n in zip(scales[-1], stride, strict=True)])
        return scales


class SegResNetTrainer(PlainTrainer):
    """SegResNet: residual blocks with group normalisation, an encoder heavier than the decoder."""

    def build_network_architecture(
        self,
        plans_manager: Any,
        configuration_manager: Any,
        num_input_channels: int,
        num_output_channels: int,
        enable_deep_supervision: bool = False,
    ) -> Any:
        """Return the network."""
        from monai.networks.nets.segresnet import SegResNet

        return SegResNet(
            in_channels=num_input_channels,
            out_channels=num_output_channels,
            init_filters=self.settings.channels,
            blocks_down=(1, 2, 2, 4),
            blocks_up=(1, 1, 1),
        )


class SwinUNETRTrainer(PlainTrainer):
    """SwinUNETR: a shifted-window transformer as the encoder of a U-Net."""

    optimizer_name = "adamw"

    def build_network_architecture(
        self,
        plans_manager: Any,
        configuration_manager: Any,
        num_input_channels: int,
        num_output_channels: int,
        enable_deep_supervision: bool = False,
    ) -> Any:
        """Return the network."""
        from monai.networks.nets.swin_unetr import SwinUNETR

        return SwinUNETR(
            in_channels=num_input_channels,
            out_channels=num_output_channels,
            feature_size=self.settings.channels,
        )


class PolynomialDecay:
    """nnU-Net's polynomial decay of the learning rate, over the budget instead of the epochs.

    Args:
        optimizer: Whose learning rate it sets.
        initial: The learning rate at the beginning.
        progress: Returns which part of the budget is used, 0 to 1.
    """

    def __init__(self, optimizer: Any, initial: float, progress: Callable[[], float]) -> None:
        self._optimizer, self._initial, self._progress = optimizer, initial, progress

    def step(self, epoch: int | None = None) -> None:
        """Set the learning rate for what comes next."""
        rate = self._initial * (1 - self._progress()) ** _POLY_EXPONENT
        for group in self._optimizer.param_groups:
            group["lr"] = rate


MIXINS: Final[Mapping[str, type[BudgetedTrainer]]] = {
    "nnunet": NnUNetTrainer,
    "stunet": STUNetTrainer,
    "segresnet": SegResNetTrainer,
    "swinunetr": SwinUNETRTrainer,
}


def trainer_class(network: str) -> type[Any]:
    """Return nnU-Net's trainer with what a network adds to it.

    Args:
        network: One of `NETWORKS`.
    """
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    mixin = MIXINS[network]
    return type(mixin.__name__, (mixin, nnUNetTrainer), {})
