"""Who sits at this terminal: the name under which an act is remembered."""

from __future__ import annotations

import getpass


def user_here() -> str:
    """Return the name of the user here; empty where the machine knows none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""
