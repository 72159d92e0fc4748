"""From clicks to masks: one patch (`Predictor`), many windows (`tiling`), one target (`Session`)."""

from seganypet.inference.session import Session

__all__ = ["Session"]
