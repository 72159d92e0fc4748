"""What a server counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """Counts and times of one server.

    Args:
        scans: Returns how many scans are in memory.
        image_bytes: Returns what they hold.
    """

    def __init__(self, scans: Callable[[], float], image_bytes: Callable[[], float]) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "seganypet_requests", "Requests answered", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "seganypet_request_seconds", "Time to answer", ["method", "route"], registry=self.registry
        )
        Gauge("seganypet_scans_in_memory", "Scans in memory", registry=self.registry).set_function(scans)
        Gauge("seganypet_image_bytes", "What their images hold", registry=self.registry).set_function(
            image_bytes
        )
