"""Lesions with exact masks."""

from seganypet.phantom.lesions.drawing import Lesions, add_lesions, body_activity

__all__ = ["Lesions", "add_lesions", "body_activity"]
