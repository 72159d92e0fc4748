import numpy as np
import pytest

from seganypet.phantom.anatomy.body_map import Anatomy
from seganypet.phantom.anatomy.tissues import TISSUE_IDS, TISSUES
from seganypet.phantom.scanner.attenuation import attenuation_map


def per_mm(*names):
    line = np.array([0, *(TISSUE_IDS[name] for name in names)], dtype=np.int16)
    anatomy = Anatomy(line[:, None, None], np.diag([4.0, 4.0, 4.0, 1.0]), {TISSUE_IDS[n]: n for n in names})
    found = attenuation_map(anatomy)
    assert found.shape == (len(names) + 1, 1, 1)
    assert found.dtype == np.float32
    return found.ravel()


def test_air_fat_water_soft_tissue_and_bone_attenuate_as_tabulated():
    found = per_mm(
        "subcutaneous_fat", "urinary_bladder", "liver", "lung_lower_lobe_left", "vertebrae_L3", "skull"
    )
    expected = [0.0, 0.0091, 0.0096, 0.0100, 0.0026, 0.0123, 0.0146]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_marrow_attenuates_less_than_the_shaft_around_it():
    _, shaft, marrow = per_mm("femur_left", "femur_marrow_left")
    assert shaft == pytest.approx(0.0150)
    assert marrow == pytest.approx(0.0095)


def test_every_tissue_lies_between_air_and_cortical_bone():
    found = per_mm(*TISSUES)[1:]
    assert found.max() <= 0.0172
    airy = {name for name, mu in zip(TISSUES, found, strict=True) if mu < 0.009}
    gas = {"trachea", "stomach_gas", "colon_gas"}
    assert airy == {*gas, *(name for name in TISSUES if name.startswith("lung_"))}
    bony = {name for name, mu in zip(TISSUES, found, strict=True) if mu > 0.0105}
    assert {"skull", "sacrum", "sternum", "rib_left_1", "hip_left", "vertebrae_C1"} <= bony
    assert not bony & {"liver", "spinal_cord", "skeletal_muscle", "skin", "femur_marrow_left"}
