"""Networks learn, budgets end, the learning rate falls in time."""

from types import SimpleNamespace

import pytest
import torch

from seganypet.evaluation.nnunet.plan import _adapt_network, _change
from seganypet.evaluation.nnunet.settings import NETWORKS, Settings
from seganypet.evaluation.nnunet.trainers import MIXINS, BudgetedTrainer, PolynomialDecay, trainer_class

WIDTHS = {"nnunet": 4, "stunet": 4, "segresnet": 8, "swinunetr": 12}


def planned(patch, width):
    """What nnU-Net's manager of a configuration tells of the network that it plans."""
    norm = "torch.nn.modules.instancenorm.InstanceNorm3d"
    arguments = {
        "conv_op": "torch.nn.modules.conv.Conv3d",
        "conv_bias": True,
        "norm_op": norm,
        "norm_op_kwargs": {"eps": 1e-5, "affine": True},
        "dropout_op": None,
        "dropout_op_kwargs": None,
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
    }
    configuration = {"spacing": [4.0, 4.0, 4.0], "architecture": {"arch_kwargs": arguments}}
    patch = _adapt_network(configuration, patch, width)
    return SimpleNamespace(
        patch_size=patch,
        network_arch_class_name="dynamic_network_architectures.architectures.unet.PlainConvUNet",
        network_arch_init_kwargs=arguments,
        network_arch_init_kwargs_req_import=("conv_op", "norm_op", "dropout_op", "nonlin"),
    )


def built(network, patch, **options):
    """The network that a trainer builds, without the trainer's constructor, which needs a data set."""
    trainer = trainer_class(network).__new__(trainer_class(network))
    trainer.settings = Settings(network=network, width=WIDTHS[network])
    configuration = planned(patch, WIDTHS[network])
    trainer.configuration_manager = configuration
    return trainer, trainer.build_network_architecture(None, configuration, 1, 3, **options)


@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_learns_a_patch(network):
    torch.manual_seed(0)
    patch = (64, 32, 32) if network == "swinunetr" else (16, 16, 16)
    _, model = built(network, patch, enable_deep_supervision=False)
    image = torch.randn(1, 1, *patch)
    target = (image[:, 0] > 0).long() + (image[:, 0] > 1).long()
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    losses = []
    for _ in range(3):
        logits = model(image)
        assert logits.shape == (1, 3, *patch)
        loss = torch.nn.functional.cross_entropy(logits, target)
        optimizer.zero_grad()
        loss.backward()
        idle = [name for name, p in model.named_parameters() if p.grad is None]
        assert all(".heads." in name or ".seg_layers." in name for name in idle)  # of coarser outputs
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[2] < losses[0]


@pytest.mark.parametrize("network", ["nnunet", "stunet"])
def test_deep_supervision_has_a_resolution_for_every_output(network):
    trainer, model = built(network, (32, 16, 16), enable_deep_supervision=True)
    trainer.enable_deep_supervision = True
    strides = trainer.configuration_manager.network_arch_init_kwargs["strides"]
    trainer.configuration_manager.pool_op_kernel_sizes = strides
    scales = trainer._get_deep_supervision_scales()
    shapes = [list(one.shape[2:]) for one in model(torch.randn(1, 1, 32, 16, 16))]
    assert shapes == [[32 * i, 16 * j, 16 * k] for i, j, k in scales]


@pytest.mark.parametrize("network", ["segresnet", "swinunetr"])
def test_the_others_have_one_output(network):
    trainer = MIXINS[network]()
    trainer.configure(Settings(network=network), mirroring=True, tell=None)
    assert trainer.enable_deep_supervision is False


def test_nnunet_s_network_is_that_of_its_planner():
    # At 128 voxels and 32 channels nnU-Net plans six stages, of 32 to 320 channels.
    arguments = planned((128, 128, 128), 32).network_arch_init_kwargs
    assert arguments["features_per_stage"] == [32, 64, 128, 256, 320, 320]
    assert arguments["strides"] == [[1, 1, 1]] + [[2, 2, 2]] * 5
    assert planned((72, 64, 64), 32).patch_size == [80, 64, 64]


class Log:
    """What is read of nnU-Net's log."""

    def __init__(self, seconds):
        self._ends = [float(sum(seconds[: n + 1])) for n in range(len(seconds))]
        self._starts = [end - s for end, s in zip(self._ends, seconds, strict=True)]

    def get_value(self, name, step):
        return {"epoch_start_timestamps": self._starts, "epoch_end_timestamps": self._ends}[name]


def trainer_after(seconds, **changed):
    trainer = BudgetedTrainer()
    trainer.configure(
        Settings(network="nnunet", **{"epochs": 10, "iterations": 5, **changed}), mirroring=True, tell=None
    )
    trainer.current_epoch = len(seconds)
    trainer.logger = Log(seconds)
    return trainer


def test_without_a_time_limit_progress_is_that_of_the_epochs():
    trainer = trainer_after([60, 60, 60])
    assert trainer.progress() == pytest.approx(0.3)
    assert not trainer._is_time_up()


def test_progress_is_the_budget_s_that_is_used_up_first():
    assert trainer_after([60, 60, 60], minutes=6).progress() == pytest.approx(0.5)
    assert trainer_after([60, 60, 60], minutes=60).progress() == pytest.approx(0.3)
    assert trainer_after([60, 600], minutes=6).progress() == 1.0


def test_time_is_up_when_half_of_an_epoch_would_be_late():
    # Three epochs of 60 s; the fourth would end after 240 s.
    assert not trainer_after([60, 60, 60], minutes=3.51)._is_time_up()
    assert trainer_after([60, 60, 60], minutes=3.49)._is_time_up()
    assert not trainer_after([], minutes=0.01)._is_time_up()


def test_a_tenth_of_the_iterations_watches():
    assert trainer_after([], iterations=250).num_val_iterations_per_epoch == 25
    assert trainer_after([], iterations=5).num_val_iterations_per_epoch == 1


def test_the_learning_rate_falls_with_the_budget():
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], 1.0)
    used = [0.0]
    decay = PolynomialDecay(optimizer, 0.01, lambda: used[0])
    rates = []
    for part in (0.0, 0.5, 1.0):
        used[0] = part
        decay.step(7)
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.01, 0.01 * 0.5**0.9, 0.0])


@pytest.mark.parametrize(
    ("network", "changed", "expected"),
    [
        ("nnunet", {}, ("sgd", 0.01)),
        ("swinunetr", {}, ("adamw", 5e-4)),
        ("stunet", {"optimizer": "adamw"}, ("adamw", 5e-4)),
        ("segresnet", {"optimizer": "adamw", "learning_rate": 1e-3}, ("adamw", 1e-3)),
        ("swinunetr", {"optimizer": "sgd"}, ("sgd", 0.01)),
    ],
)
def test_networks_learn_by_their_optimizer_unless_told_another(network, changed, expected):
    trainer = trainer_class(network).__new__(trainer_class(network))
    trainer.weight_decay = 3e-5  # as nnU-Net's constructor sets it
    trainer.configure(Settings(network=network, **changed), mirroring=True, tell=None)
    trainer.network, trainer.current_epoch = torch.nn.Linear(1, 1), 0
    trainer.logger = Log([])
    optimizer, _ = trainer.configure_optimizers()
    assert (type(optimizer).__name__.lower(), optimizer.param_groups[0]["lr"]) == expected


class Framework:
    """What nnU-Net's trainer gives ours to choose from."""

    inference_allowed_mirroring_axes = (0, 1, 2)
    configuration_manager = SimpleNamespace(patch_size=(16, 16, 16))

    @staticmethod
    def get_training_transforms(patch, rotation, scales, axes, dummy_2d, **named):
        return "augmented", scales, named

    @staticmethod
    def get_validation_transforms(scales, is_cascaded=False):
        return "as they are", scales, is_cascaded

    def configure_rotation_dummyDA_mirroring_and_inital_patch_size(self):  # noqa: N802
        return (-1, 1), False, (24, 24, 24), (0, 1, 2)


@pytest.mark.parametrize(
    ("augmentation", "mirroring", "kind", "patch", "axes"),
    [
        (True, True, "augmented", (24, 24, 24), (0, 1, 2)),
        (True, False, "augmented", (24, 24, 24), None),
        (False, True, "as they are", (16, 16, 16), None),
    ],
)
def test_without_augmentation_nothing_is_turned_or_mirrored(augmentation, mirroring, kind, patch, axes):
    trainer = type("Trainer", (BudgetedTrainer, Framework), {})()
    trainer.configure(Settings(network="nnunet", augmentation=augmentation), mirroring=mirroring, tell=None)
    given = ((16, 16, 16), (-1, 1), [[1, 1, 1]], axes, False)
    found = trainer.get_training_transforms(*given, use_mask_for_norm=[False], is_cascaded=True)
    assert (found[0], found[1]) == (kind, [[1, 1, 1]])
    assert trainer.configure_rotation_dummyDA_mirroring_and_inital_patch_size()[2:] == (patch, axes)
    assert trainer.inference_allowed_mirroring_axes == axes


@pytest.mark.parametrize(("normalisation", "scheme"), [("scan", "ZScore"), ("cohort", "CTNormalization")])
def test_suv_is_scaled_by_scan_or_alike_in_the_cohort(normalisation, scheme):
    configuration = {"patch_size": [16, 16, 16], "batch_size": 2, "normalization_schemes": ["ZScore"]}
    _change(configuration, Settings(network="segresnet", normalisation=normalisation), [0, 1, 2])
    assert configuration["normalization_schemes"] == [scheme]
