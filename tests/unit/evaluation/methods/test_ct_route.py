"""The CT route: a program or a promptable model on the CT, and masks on the PET's grid."""

from __future__ import annotations

import shlex
import sys

import nibabel as nib
import numpy as np
import pytest

from seganypet.errors import MethodError, WeightsError
from seganypet.evaluation.methods import ct as route
from seganypet.evaluation.methods.ct import ENTRIES, CtSegmenter, CtSession, as_volume, read_ct
from seganypet.evaluation.methods.ct_registration import Registration
from seganypet.evaluation.methods.entry import Options
from seganypet.evaluation.methods.interface import Scan
from seganypet.io.nifti import NiftiImage
from seganypet.preprocessing.intensity import normalise
from seganypet.prompts import Click
from seganypet.volume import Source, Volume
from synthetic_model import half_of_click

sitk = pytest.importorskip("SimpleITK")

AFFINE = np.diag([4.0, 4.0, 4.0, 1.0])
SHAPE = (16, 16, 16)
SHIFT = (8.0, 0.0, -4.0)  # the CT shows at p + SHIFT what the PET shows at p


@pytest.fixture
def scan(tmp_path) -> Scan:
    """A PET, and a CT at 2 mm whose world is shifted, with a block of 100 HU around the PET's voxels 4 to 7."""
    hu = np.full((36, 36, 36), -900, np.int16)
    hu[2:34, 2:34, 2:34] = -100
    low = np.array([16, 16, 16]) - 2 + SHIFT  # mm of the block's low edge
    first = ((low + 33) / 2).round().astype(int)  # the first voxel's edge lies at -33
    i, j, k = (slice(n, n + 8) for n in first)
    hu[i, j, k] = 100
    affine = np.diag([2.0, 2, 2, 1])
    affine[:3, 3] = -32
    nib.save(nib.Nifti1Image(hu, affine), tmp_path / "ct.nii.gz")
    suv = np.random.default_rng(0).uniform(0.5, 3, SHAPE).astype(np.float32)
    volume = Volume(suv, np.diag([4.0, 4, 4, 1]))
    return Scan(case="a case", volume=volume, ct=tmp_path / "ct.nii.gz")


@pytest.fixture(autouse=True)
def known(monkeypatch):
    """The registration finds SHIFT at once."""

    def register(volume, ct, affine):
        return Registration(sitk.TranslationTransform(3, SHIFT), volume)

    monkeypatch.setattr(route, "register", register)


def block() -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[4:8, 4:8, 4:8] = True
    return mask


@pytest.fixture
def program(tmp_path):
    """Return what writes a program like TotalSegmentator's and returns its command."""

    def write(body: str) -> str:
        path = tmp_path / "segment.py"
        path.write_text(
            "import sys\nimport nibabel as nib\nimport numpy as np\n"
            "given = dict(zip(sys.argv[-4::2], sys.argv[-3::2]))\n"
            "ct = nib.load(given['-i'])\nhu = ct.get_fdata()\n"
            "def write(name, mask):\n"
            "    image = nib.Nifti1Image(mask.astype(np.uint8), ct.affine)\n"
            "    nib.save(image, f\"{given['-o']}/{name}.nii.gz\")\n" + body
        )
        return f"{shlex.quote(sys.executable)} {shlex.quote(str(path))} --fast"

    return write


class TestProgram:
    def started(self, command, scan):
        method = CtSegmenter(command)
        method.start(scan)
        return method

    def test_its_masks_come_back_on_the_pets_grid(self, program, scan):
        method = self.started(program("write('liver', hu > 0)"), scan)
        assert method.prompting == "target"
        np.testing.assert_array_equal(method.restart("liver"), block())

    def test_lungs_are_their_lobes(self, program, scan):
        body = """
half = np.arange(hu.shape[0])[:, None, None] < 28
write('lung_upper_lobe_left', (hu > 0) & half)
write('lung_lower_lobe_left', (hu > 0) & ~half)
"""
        np.testing.assert_array_equal(self.started(program(body), scan).restart("lung_left"), block())

    def test_it_is_run_once_a_scan(self, program, scan, tmp_path):
        runs = tmp_path / "runs"
        method = self.started(program(f"write('liver', hu > 0)\nopen({str(runs)!r}, 'a').write('x')"), scan)
        method.restart("liver")
        method.restart("liver")
        assert runs.read_text() == "x"

    def test_refuses_a_target_that_was_not_written(self, program, scan):
        method = self.started(program("write('liver', hu > 0)"), scan)
        with pytest.raises(
            MethodError, match=r"wrote no lesions\.nii\.gz; leave the target out \(it wrote liver\)"
        ):
            method.restart("lesions")

    def test_refuses_what_is_no_mask(self, program, scan):
        method = self.started(program("open(given['-o'] + '/liver.nii.gz', 'w').write('x')"), scan)
        with pytest.raises(MethodError, match="its mask cannot be used"):
            method.restart("liver")

    def test_quotes_a_program_that_fails(self, program, scan):
        with pytest.raises(MethodError, match="ended with 1: no licence"):
            self.started(program("sys.exit('no licence')"), scan)

    def test_refuses_clicks(self, program, scan):
        with pytest.raises(MethodError, match="takes no clicks"):
            self.started(program("write('liver', hu > 0)"), scan).click(Click((1, 1, 1)))


class TestSession:
    def model(self, **described):
        return half_of_click(**{"normalisation": "zscore_positive", **described})

    def test_a_click_is_where_it_was_on_the_pet(self, scan):
        method = CtSession(self.model())
        assert method.prompting == "clicks"
        method.start(scan)
        assert not method.restart("liver").any()
        mask = method.click(Click((5, 6, 5)))
        assert mask.shape == SHAPE
        assert mask[5, 6, 5]
        assert not method.restart("liver").any()

    def test_the_network_sees_what_its_authors_would_show_it(self, scan):
        """SAM-Med3D's: CT clamped to -1,000 to 1,000 HU, standardised by what is above 0 HU."""
        hu = np.random.default_rng(0).normal(0, 600, SHAPE).astype(np.float32)
        affine = scan.volume.affine
        ct = NiftiImage(hu, affine, Source(path="ct.nii.gz"))
        unmoved = Registration(sitk.TranslationTransform(3), scan.volume)
        clamped = np.clip(hu, -1000, 1000)
        theirs = (clamped - clamped[clamped > 0].mean()) / clamped[clamped > 0].std(ddof=1)
        ours = normalise(as_volume(unmoved, ct).array, "zscore_positive")
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)

    def test_the_volume_is_on_the_pets_grid(self, scan):
        ct = read_ct(scan)
        volume = as_volume(Registration(sitk.TranslationTransform(3, SHIFT), scan.volume), ct)
        assert volume.has_grid_of(scan.volume)
        assert volume.array[5, 5, 5] == pytest.approx(0.4)  # 100 HU
        assert volume.array[0, 0, 0] == pytest.approx(-0.4)

    def test_refuses_a_model_of_suv(self):
        with pytest.raises(MethodError, match=r"expect SUV \(log1p\), and a CT has none"):
            CtSession(half_of_click())
        with pytest.raises(MethodError, match="and a CT has none"):
            ENTRIES["ct_weights"].build("default", Options(device="cpu"))

    def test_refuses_weights_that_are_not_there(self):
        with pytest.raises((MethodError, WeightsError), match="none"):
            ENTRIES["ct_weights"].build("none.pth", Options(device="cpu"))

    def test_refuses_a_ct_that_lies_elsewhere(self, scan):
        far = Registration(sitk.TranslationTransform(3, (5000.0, 0, 0)), scan.volume)
        with pytest.raises(MethodError, match="nothing of it lies where the PET is"):
            as_volume(far, read_ct(scan))


class TestRefusals:
    def test_no_ct(self, scan):
        with pytest.raises(MethodError, match="case 'a case' has no CT; name it in the manifest"):
            read_ct(Scan(case="a case", volume=scan.volume))

    def test_a_ct_that_is_not_there(self, scan, tmp_path):
        with pytest.raises(MethodError, match="no such file"):
            read_ct(Scan(case="a", volume=scan.volume, ct=tmp_path / "none.nii.gz"))

    def test_a_ct_without_hu(self, scan, tmp_path):
        nib.save(nib.Nifti1Image(np.ones((4, 4, 4), np.float32), np.eye(4)), tmp_path / "pet.nii.gz")
        with pytest.raises(MethodError, match="expected a CT in HU"):
            read_ct(Scan(case="a", volume=scan.volume, ct=tmp_path / "pet.nii.gz"))
