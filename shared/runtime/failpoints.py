"""Named places at which a process can be made to kill itself, to prove that nothing is lost there.

Nothing is armed unless the environment asks for it: ``TIERLINE_FAILPOINT=escalator.before_commit:3``
has the process end by SIGKILL when it passes that place for the third time. Never set in production.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from typing import Final

import structlog

log = structlog.get_logger()

VARIABLE: Final = "TIERLINE_FAILPOINT"

_left: Final[dict[str, int]] = {}


def arm(environ: Mapping[str, str]) -> None:
    """Arm what *environ* asks for; `shared.runtime.run` calls it at the start."""
    _left.clear()
    name, _, passages = environ.get(VARIABLE, "").partition(":")
    if name:
        _left[name] = int(passages or 1)
        log.warning("failpoint armed", name=name, passage=_left[name])


def failpoint(name: str) -> None:
    """Do nothing; or, if *name* is armed and it is its passage, end the process at once."""
    if name in _left:
        _left[name] -= 1
        if _left[name] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
