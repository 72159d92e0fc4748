"""nnInteractive: its own session with a small random network, and one that can be foretold in the network's place."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import torch

from seganypet.errors import MethodError
from seganypet.evaluation.methods.entry import Options
from seganypet.evaluation.methods.interface import Scan
from seganypet.evaluation.methods.nninteractive import ENTRIES, NnInteractiveMethod, load_session
from seganypet.prompts import Click
from seganypet.volume import Volume

pytest.importorskip("nnInteractive.inference.inference_session")

CPU = torch.device("cpu")
PATCH = 64
ARCHITECTURE = {
    "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
    "arch_kwargs": {
        "n_stages": 2,
        "features_per_stage": [4, 8],
        "conv_op": "torch.nn.modules.conv.Conv3d",
        "kernel_sizes": [[3, 3, 3], [3, 3, 3]],
        "strides": [[1, 1, 1], [2, 2, 2]],
        "n_conv_per_stage": [1, 1],
        "n_conv_per_stage_decoder": [1],
        "conv_bias": True,
        "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
        "norm_op_kwargs": {"eps": 1e-5, "affine": True},
        "dropout_op": None,
        "dropout_op_kwargs": None,
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
    },
    "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
}
PLANS = {
    "dataset_name": "Dataset999_none",
    "plans_name": "none",
    "image_reader_writer": "SimpleITKIO",
    "configurations": {
        "3d": {
            "patch_size": [PATCH] * 3,
            "architecture": ARCHITECTURE,
            "normalization_schemes": ["ZScoreNormalization"],
        }
    },
}
DATASET = {"channel_names": {"0": "PET"}, "labels": {"background": 0, "object": 1}, "file_ending": ".nii.gz"}
AFFINE = np.diag([3.0, 3.0, 4.0, 1.0])


def suv(shape=(20, 18, 22)) -> np.ndarray:
    return np.random.default_rng(0).uniform(0.5, 8, shape).astype(np.float32)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A folder with a small random network, as nnInteractive's own loader takes it."""
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("model")
    network = get_network_from_plans(
        ARCHITECTURE["network_class_name"],
        ARCHITECTURE["arch_kwargs"],
        ARCHITECTURE["_kw_requires_import"],
        1 + 7,
        2,
        deep_supervision=False,
    )
    torch.nn.init.constant_(network.get_parameter("decoder.seg_layers.0.bias"), 0.0)
    network.get_parameter("decoder.seg_layers.0.bias").data[0] += (
        0.8  # mostly background, or it would zoom out
    )
    (folder / "inference_session_class.json").write_text(json.dumps({"point_radius": 2}))
    (folder / "plans.json").write_text(json.dumps(PLANS))
    (folder / "dataset.json").write_text(json.dumps(DATASET))
    (folder / "fold_0").mkdir()
    checkpoint = {
        "trainer_name": "nnInteractiveTrainer_stub",
        "init_args": {"configuration": "3d"},
        "network_weights": network.state_dict(),
    }
    torch.save(checkpoint, folder / "fold_0" / "checkpoint_final.pth")
    return folder


class NearClick(torch.nn.Module):
    """Says target where the image is high and a positive point is nearer than any negative one; sees 1 + 7 channels."""

    def forward(self, x):
        image, positive, negative = x[:, 0], x[:, 1 + 3], x[:, 1 + 4]
        hot = (image > 1) & (torch.nn.functional.max_pool3d(positive[:, None], 9, 1, 4)[:, 0] > 0)
        hot &= torch.nn.functional.max_pool3d(negative[:, None], 5, 1, 2)[:, 0] == 0
        return torch.stack([1.0 - hot.float(), hot.float()], 1)


def test_a_random_network_through_its_own_loader_and_session(model, capsys):
    threads = torch.get_num_threads()
    method = ENTRIES["nninteractive"].build(str(model), Options(device="cpu"))
    assert method.prompting == "clicks"
    method.start(Scan(case="a", volume=Volume(suv(), AFFINE)))
    assert not method.restart("liver").any()
    first = method.click(Click((10, 9, 11)))
    kept = first.copy()
    assert first.shape == (20, 18, 22)
    assert first.dtype == np.bool_
    assert first.any()  # random weights, but not all background
    assert not first.all()
    second = method.click(Click((4, 5, 6), positive=False))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, kept)
    assert not method.restart("spleen").any()
    np.testing.assert_array_equal(method.click(Click((10, 9, 11))), first)
    assert torch.get_num_threads() == threads
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 0, 2)])
@pytest.mark.parametrize("flip", [(1, 1, 1), (-1, 1, -1)])
def test_the_mask_lands_on_the_clicked_blob_whatever_the_orientation(model, order, flip):
    ras = np.full((20, 18, 22), 0.5, np.float32)
    ras[3:6, 4:7, 5:8] = 20
    ras[13:16, 4:7, 5:8] = 20
    to_ras = np.zeros((4, 4))
    for new, (old, f) in enumerate(zip(order, flip, strict=True)):
        to_ras[old, new], to_ras[old, 3] = f, 0 if f > 0 else ras.shape[old] - 1
    to_ras[3, 3] = 1
    turned = tuple(slice(None, None, f) for f in flip)
    session = load_session(model, CPU)
    session.network = NearClick()
    method = NnInteractiveMethod(session)
    method.start(Scan(case="a", volume=Volume(ras.transpose(order)[turned], AFFINE @ to_ras)))
    method.restart("liver")
    mask = method.click(Click(tuple((np.linalg.inv(to_ras) @ [4.3, 5, 6, 1])[:3])))
    expected = np.zeros(ras.shape, bool)
    expected[3:6, 4:7, 5:8] = True
    np.testing.assert_array_equal(mask, expected.transpose(order)[turned])
    mask = method.click(Click(tuple((np.linalg.inv(to_ras) @ [4, 5, 6, 1])[:3]), positive=False))
    assert mask.sum() < 27


def test_a_new_scan_forgets_the_last(model):
    method = NnInteractiveMethod(load_session(model, CPU))
    method.start(Scan(case="a", volume=Volume(suv(), AFFINE)))
    method.click(Click((10, 9, 11)))
    method.start(Scan(case="b", volume=Volume(suv((12, 14, 16)), AFFINE)))
    assert not method.restart("liver").any()
    assert method.click(Click((5, 5, 5))).shape == (12, 14, 16)


def test_what_it_draws_is_the_same_each_time_and_nobody_elses():
    class Drawing:
        def set_image(self, image):
            self.drawn = []

        def set_target_buffer(self, buffer): ...

        def _finish_preprocessing_and_initialize_interactions(self): ...

        def add_point_interaction(self, at, include_interaction):
            self.drawn.append(np.random.rand())  # noqa: NPY002

    session = Drawing()
    method = NnInteractiveMethod(session)
    method.start(Scan(case="a", volume=Volume(suv(), AFFINE)))
    np.random.seed(5)  # noqa: NPY002
    expected = np.random.rand()  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    method.click(Click((1, 1, 1)))
    method.click(Click((2, 2, 2)))
    assert session.drawn[0] == session.drawn[1]
    assert np.random.rand() == expected  # noqa: NPY002


def test_names_the_system_when_it_fails(model):
    session = load_session(model, CPU)
    session.network = torch.nn.Conv3d(3, 2, 1)
    method = NnInteractiveMethod(session)
    method.start(Scan(case="a", volume=Volume(suv(), AFFINE)))
    with pytest.raises(MethodError, match=r"nnInteractive failed on this scan: .*channels"):
        method.click(Click((10, 9, 11)))


class TestRefusals:
    def refused(self, folder, match):
        with pytest.raises(MethodError, match=match):
            load_session(folder, CPU)

    def test_a_folder_that_is_not_there(self, tmp_path):
        self.refused(tmp_path / "none", "no such folder; download a model")

    def test_a_folder_above_the_models(self, tmp_path):
        self.refused(tmp_path, r"holds neither inference_info\.json nor .*give the folder of one model")

    def test_a_model_that_is_not_whole(self, tmp_path):
        (tmp_path / "inference_info.json").write_text("{}")
        self.refused(tmp_path, r"cannot load it .*dataset\.json.*download it again")

    def test_weights_of_another_network(self, model, tmp_path):
        for file in model.glob("*.json"):
            (tmp_path / file.name).write_bytes(file.read_bytes())
        (tmp_path / "fold_0").mkdir()
        path = model / "fold_0" / "checkpoint_final.pth"
        checkpoint = torch.load(path, weights_only=False)
        checkpoint["network_weights"].popitem()
        torch.save(checkpoint, tmp_path / "fold_0" / path.name)
        self.refused(tmp_path, "cannot load it .*Missing key")

    def test_the_package_missing(self, model, monkeypatch):
        monkeypatch.setitem(sys.modules, "nnInteractive.inference.inference_session", None)
        self.refused(model, r'pip install "seganypet\[compare\]"')
