"""From activity to image."""

from seganypet.phantom.scanner.image import scan

__all__ = ["scan"]
