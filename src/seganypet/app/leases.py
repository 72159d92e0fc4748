"""Who works on a reading: one page at a time, until it is silent for too long or another takes over."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable

from seganypet.app.problems import LockedError


class Leases:
    """The leases of all readings, in memory: after a restart, whoever comes first goes on.

    Args:
        seconds: How long a lease lasts without being renewed.
        clock: Returns seconds.
    """

    def __init__(self, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._clock = clock
        self._held: dict[str, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def take(self, reading_id: str, lease: str | None = None, *, take_over: bool = False) -> str:
        """Return the lease of a reading, new or renewed.

        Args:
            reading_id: Of the reading.
            lease: What is held already; renewed.
            take_over: Whether to end somebody else's.

        Raises:
            LockedError: Somebody else holds it.
        """
        with self._lock:
            if not self._is_free(reading_id, lease) and not take_over:
                raise LockedError(
                    "this reading is open elsewhere; close it there, or take over (the other page can then only look)"
                )
            held = self._held.get(reading_id)
            kept = (
                lease if lease is not None and held is not None and held[0] == lease else secrets.token_hex(8)
            )
            self._held[reading_id] = (kept, self._clock() + self.seconds)
            return kept

    def check(self, reading_id: str, lease: str | None) -> None:
        """Refuse whoever does not hold a reading; renew the lease of who does.

        Raises:
            LockedError: No lease, or one that ended.
        """
        with self._lock:
            held = self._held.get(reading_id)
            if lease is None or held is None or held[0] != lease:
                raise LockedError(
                    "this reading is not open here, or was taken over; open it again to go on (X-Lease header)"
                )
            self._held[reading_id] = (lease, self._clock() + self.seconds)

    def release(self, reading_id: str, lease: str) -> bool:
        """Let others work on a reading; return whether the lease was held."""
        with self._lock:
            held = lease != "" and self._held.get(reading_id, ("", 0.0))[0] == lease
            if held:
                del self._held[reading_id]
            return held

    def _is_free(self, reading_id: str, lease: str | None) -> bool:
        held = self._held.get(reading_id)
        return held is None or held[0] == lease or held[1] < self._clock()
