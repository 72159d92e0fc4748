"""Work on a SegAnyPET server from Python as on a local `Session`; needs neither torch nor a GPU."""

from seganypet.client.errors import LockedError, ServerError, UnreachableError
from seganypet.client.session import RemoteSession

__all__ = ["LockedError", "RemoteSession", "ServerError", "UnreachableError"]
