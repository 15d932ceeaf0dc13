"""How seldom Python looks for garbage in cycles, of which there is none worth the time."""

from __future__ import annotations

import gc
from typing import Final

_A_BATCH: Final = 20_000


def collect_seldom(after: int = _A_BATCH) -> None:
    """Have the collector leave alone what is loaded by now, and look after so many new objects.

    What a batch is made of goes by itself once the batch is done; by default it is not looked at
    while it lives.
    """
    gc.freeze()
    gc.set_threshold(after)
