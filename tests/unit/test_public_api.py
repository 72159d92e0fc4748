"""`import seganypet` is light, and all its names are there."""

import subprocess
import sys

import pytest

import seganypet


@pytest.mark.parametrize("name", seganypet.__all__)
def test_every_public_name_is_there(name):
    assert getattr(seganypet, name) is not None
    assert name in dir(seganypet)


def test_names_are_those_of_their_modules():
    from seganypet.errors import SUVError
    from seganypet.inference.session import Session
    from seganypet.models.weights import load_model

    assert seganypet.SUVError is SUVError
    assert seganypet.Session is Session
    assert seganypet.load_model is load_model


def test_all_errors_are_public():
    import seganypet.errors as errors

    kinds = {
        name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)
    }
    assert kinds <= set(seganypet.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = seganypet.nonsense


def test_import_loads_no_library():
    code = "import sys, seganypet; print(*({'numpy', 'torch', 'nibabel'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == []
