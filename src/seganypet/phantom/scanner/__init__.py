"""From activity to image: scanners, their protocols, and a fast and a faithful way to image."""

from seganypet.phantom.scanner.acquisition import acquire
from seganypet.phantom.scanner.protocols import PROTOCOLS, Examination, Protocol, draw_examination

__all__ = ["PROTOCOLS", "Examination", "Protocol", "acquire", "draw_examination"]
