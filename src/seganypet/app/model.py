"""The model that all scans share: loaded once, in the background, when the server starts."""

from __future__ import annotations

import threading
from collections.abc import Callable

from seganypet.models.model import SegmentationModel


class SharedModel:
    """Loads a model at its first use.

    Args:
        load: Returns the model; an error it raises is raised at each use.
        name: Of the weights, to be shown.
    """

    def __init__(self, load: Callable[[], SegmentationModel], name: str) -> None:
        self.name = name
        self._load = load
        self._model: SegmentationModel | None = None
        self._lock = threading.Lock()

    def get(self) -> SegmentationModel:
        """Return the model; waits while it is being loaded.

        Raises:
            WeightsError: As for `load_model`.
        """
        with self._lock:
            if self._model is None:
                self._model = self._load()
            return self._model

    @property
    def loaded(self) -> SegmentationModel | None:
        """The model if it is loaded; does not wait."""
        return self._model

    def load_in_background(self) -> None:
        """Begin to load it, so that the first click need not wait."""
        threading.Thread(target=self._try, name="load-model", daemon=True).start()

    def _try(self) -> None:
        try:
            self.get()
        except Exception:  # noqa: BLE001  raised again to whoever needs the model
            return
