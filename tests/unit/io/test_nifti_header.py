"""What nibabel notes about headers: kept off the terminal, refused where the position would be made up."""

import nibabel as nib
import numpy as np
import pytest
from nibabel import imageglobals

from odd_scans import nifti
from seganypet.errors import GeometryError, SegAnyPETWarning
from seganypet.io.nifti import load_nifti, read_nifti
from seganypet.io.nifti_header import header_notes, repairs_of


def test_notes_are_collected_and_the_logger_is_left_as_it_was(tmp_path, capfd):
    before = imageglobals.logger.handlers[:], imageglobals.logger.propagate
    with header_notes() as notes:
        nib.load(nifti(qform_code=77)(tmp_path))
    assert notes == ["qform_code 77 not valid; setting to 0"]
    assert (imageglobals.logger.handlers, imageglobals.logger.propagate) == before
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(("pixdim", "message"), [(0, "non-zero"), (-4, "positive")])
def test_a_repaired_voxel_size_is_refused_unless_the_sform_places_the_voxels(pixdim, message, tmp_path):
    sizes = [1, pixdim, 4, 3, 0, 0, 0, 0]
    with pytest.raises(GeometryError, match=rf"pet\.nii: .*no usable voxel size \(.*{message}\)"):
        read_nifti(nifti(pixdim=sizes, sform_code=0)(tmp_path))
    scan = nifti(pixdim=sizes, qform_code=0)(tmp_path)
    np.testing.assert_array_equal(load_nifti(scan).affine[0], [-4, 0, 0, 50])


def test_a_repair_is_a_warning():
    header = nib.Nifti1Header()
    assert repairs_of(["vox offset (=360) not divisible by 16; leaving at current value"], header) == []
    assert repairs_of(["sform_code 9 not valid; setting to 0"], header) == [
        "sform_code 9 not valid; setting to 0"
    ]


def test_a_repair_names_the_file(tmp_path):
    with pytest.warns(SegAnyPETWarning, match=r"pet\.nii: odd header: qform_code 77 not valid"):
        read_nifti(nifti(qform_code=77)(tmp_path))
