"""From clicks to masks: one patch (`Predictor`), many windows (`tiling`), one target (`Session`)."""

from seganypet.inference.session import Session, SessionState

__all__ = ["Session", "SessionState"]
