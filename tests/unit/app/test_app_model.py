"""The model that all scans share."""

import threading

import pytest

from seganypet.app.model import SharedModel
from seganypet.errors import WeightsError
from small_server import wait_for
from synthetic_model import half_of_click


def test_a_model_is_loaded_at_its_first_use_and_once():
    loads = []

    def load():
        loads.append(1)
        return half_of_click()

    model = SharedModel(load, "a name")
    assert model.name == "a name"
    assert model.loaded is None
    assert not loads
    assert model.get() is model.get() is model.loaded
    assert len(loads) == 1


def test_who_needs_the_model_while_it_is_loaded_waits_for_that_one():
    go, loads = threading.Event(), []

    def load():
        loads.append(1)
        assert go.wait(30)
        return half_of_click()

    model = SharedModel(load, "slow")
    model.load_in_background()
    wait_for(lambda: bool(loads))
    assert model.loaded is None  # does not wait
    threading.Timer(0.05, go.set).start()
    assert model.get() is model.loaded
    assert len(loads) == 1


def test_an_error_in_the_background_is_raised_at_each_use():
    tried = []

    def load():
        tried.append(1)
        raise WeightsError("weights.safetensors: missing")

    model = SharedModel(load, "none")
    model.load_in_background()
    wait_for(lambda: bool(tried))
    for _ in range(2):
        with pytest.raises(WeightsError, match="missing"):
            model.get()
    assert model.loaded is None
