"""VISTA3D with small random weights, and with networks in its place that can be foretold."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seganypet.errors import MethodError
from seganypet.evaluation.methods.entry import Options
from seganypet.evaluation.methods.interface import Scan
from seganypet.evaluation.methods.vista3d import (
    CLASSES,
    ENTRIES,
    ClassMethod,
    PointsMethod,
    as_the_bundle,
    load_vista3d,
)
from seganypet.prompts import Click
from seganypet.targets import LESIONS, ORGANS
from seganypet.volume import Volume

nets = pytest.importorskip("monai.networks.nets")

CPU = torch.device("cpu")
# Axes k, i, j of the body with i reversed, 3 mm voxels.
AFFINE = np.array([[0, -3.0, 0, 60], [0, 0, 3.0, -30], [3.0, 0, 0, 0], [0, 0, 0, 1]])
SHAPE = (14, 12, 13)


def scan() -> Scan:
    suv = np.full(SHAPE, 0.5, np.float32)
    suv[2:5, 3:7, 4:8] = 9
    suv[9:12, 3:7, 4:8] = 9
    return Scan(case="a", volume=Volume(suv, AFFINE))


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("vista3d") / "model.pt"
    torch.save(nets.vista3d132(encoder_embed_dim=8).state_dict(), path)
    return path


class HotWhereAsked(torch.nn.Module):
    """Class 1 is what is hot, class 3 what is not, any other nothing; a point takes what is hot in its window."""

    def __init__(self):
        super().__init__()
        self.windows, self.calls = [], []

    def forward(self, window, class_vector=None, point_coords=None, **given):
        self.windows.append(window)
        self.calls.append({"class_vector": class_vector, "point_coords": point_coords, **given})
        hot = torch.where(window > 0.480085, 5.0, -5.0)  # half way between SUV 0.5 and 9
        if class_vector is None:
            return hot
        by_id = {1: hot, 3: -hot}
        return torch.cat([by_id.get(int(i), torch.full_like(hot, -5.0)) for i in class_vector[:, 0]])


def started(kind, network, window=32):
    method = kind(network, CPU, window=window)
    method.start(scan())
    return method


def test_all_organs_have_a_class_or_are_known_to_have_none():
    without = {
        "parotid_gland_left",
        "parotid_gland_right",
        "submandibular_gland_left",
        "submandibular_gland_right",
        "heart_myocardium",
    }
    assert set(CLASSES) == (set(ORGANS) - without) | {LESIONS, "esophagus"}
    assert all(1 <= i <= 132 for ids in CLASSES.values() for i in ids)


def test_the_image_is_what_the_bundle_feeds():
    volume = scan().volume
    grid, image = as_the_bundle(volume)
    assert image.shape == (1, 1, 24, 26, 28)  # RAS at 1.5 mm of 12, 13 and 14 voxels of 3 mm
    assert (grid.affine[:3, :3] == np.diag([1.5] * 3)).all()
    # (0.5 + 963.825) / 2017.503 and (9 + 963.825) / 2017.503
    assert float(image.min()) == pytest.approx(0.47798, abs=1e-5)
    assert float(image.max()) == pytest.approx(0.48219, abs=1e-5)


def test_a_class_comes_back_on_the_scans_grid():
    method = started(ClassMethod, HotWhereAsked())
    assert method.prompting == "target"
    np.testing.assert_array_equal(method.restart("liver"), scan().volume.array > 5)
    assert not method.restart("aorta").any()


def test_windows_cover_what_is_larger_than_one():
    network = HotWhereAsked()
    mask = started(ClassMethod, network, window=16).restart("liver")
    assert len(network.windows) == 2 * 2 * 3  # of 16 every 11, along 24, 26 and 28
    assert all(w.shape == (1, 1, 16, 16, 16) for w in network.windows)
    assert mask[2:5, 3:7, 4:8].all()


def test_a_target_of_several_classes_is_their_union():
    network = HotWhereAsked()
    assert not started(ClassMethod, network).restart("lung_left").any()
    assert network.calls[-1]["class_vector"].tolist() == [[28], [29]]


def test_a_point_is_shown_in_the_networks_voxels_and_in_its_window():
    network = HotWhereAsked()
    method = started(PointsMethod, network)
    assert method.prompting == "clicks"
    assert not method.restart("liver").any()
    np.testing.assert_array_equal(method.click(Click((3, 4, 5))), scan().volume.array > 5)
    # voxel 4 of the reversed axis of 12 is 7 from the other end; the centre of voxel n lies at 2n + 0.5
    shown = network.calls[-1]
    assert shown["point_coords"][0].tolist() == [[14 + 4, 10 + 3, 6 + 2]]  # with half the padding
    assert shown["point_labels"].tolist() == [[1]]
    assert shown["prev_mask"] is None
    method.click(Click((9, 4, 5), positive=False))
    assert network.calls[-1]["point_labels"].tolist() == [[1, 0]]
    assert network.calls[-1]["prev_mask"].shape == (1, 1, 32, 32, 32)
    assert len(network.calls) == 2  # one window a click
    method.restart("liver")
    method.click(Click((3, 4, 5)))
    assert network.calls[-1]["prev_mask"] is None


def test_random_weights_from_a_file(weights):
    torch.manual_seed(1)
    network = load_vista3d(weights)
    by_class = started(ClassMethod, network)
    mask = by_class.restart("liver")
    assert (mask.shape, mask.dtype) == (SHAPE, np.bool_)
    np.testing.assert_array_equal(by_class.restart("liver"), mask)
    by_points = started(PointsMethod, network)
    by_points.restart("liver")
    first = by_points.click(Click((3, 4, 5)))
    kept = first.copy()
    second = by_points.click(Click((10, 8, 9), positive=False))
    assert first.shape == second.shape == SHAPE
    np.testing.assert_array_equal(first, kept)
    by_points.restart("liver")
    np.testing.assert_array_equal(by_points.click(Click((3, 4, 5))), first)


@pytest.mark.parametrize(("name", "prompting"), [("vista3d", "target"), ("vista3d_points", "clicks")])
def test_entries(weights, name, prompting):
    assert ENTRIES[name].build(str(weights), Options(device="cpu")).prompting == prompting


class TestRefusals:
    @pytest.mark.parametrize("target", ["parotid_gland_left", "lesion", "no organ"])
    def test_a_target_without_a_class(self, target):
        with pytest.raises(MethodError, match=f"no class for '{target}'; leave it out"):
            started(ClassMethod, HotWhereAsked()).restart(target)

    def test_clicks_where_the_class_is_told(self):
        with pytest.raises(MethodError, match="takes no clicks; vista3d_points does"):
            started(ClassMethod, HotWhereAsked()).click(Click((1, 1, 1)))

    def refused(self, path, match):
        with pytest.raises(MethodError, match=match):
            load_vista3d(path)

    def test_a_file_that_is_not_there(self, tmp_path):
        self.refused(tmp_path / "model.pt", r"no such file; give models/model\.pt")

    def test_a_file_that_is_cut_off(self, weights, tmp_path):
        path = tmp_path / "model.pt"
        path.write_bytes(weights.read_bytes()[:5000])
        self.refused(path, "cannot be read .*download it again")

    def test_a_file_without_tensors(self, tmp_path):
        torch.save([1, 2], tmp_path / "model.pt")
        self.refused(tmp_path / "model.pt", "holds no named tensors")

    def test_weights_of_another_network(self, tmp_path):
        torch.save(torch.nn.Linear(2, 2).state_dict(), tmp_path / "model.pt")
        self.refused(tmp_path / "model.pt", "holds no class embeddings")

    def test_weights_that_are_not_whole(self, weights, tmp_path):
        tensors = torch.load(weights)
        tensors.popitem()
        torch.save({"model": tensors}, tmp_path / "model.pt")
        self.refused(tmp_path / "model.pt", "does not fit VISTA3D .*Missing key")
