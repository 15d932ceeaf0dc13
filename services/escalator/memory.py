"""Cases that were used of late, so that they need not be read again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from uuid import UUID

from services.escalator.core.decide import Case


class Memory:
    """The cases last written, most recent last; a case is only as good as its token."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._cases: OrderedDict[str, tuple[UUID, Case]] = OrderedDict()

    def of(self, key: str) -> tuple[UUID, Case] | None:
        """Return the case *key* and the token that it was written with, if it is held."""
        return self._cases.get(key)

    def keep(self, cases: Mapping[str, tuple[UUID, Case]]) -> None:
        """Hold *cases*, and let go of the oldest beyond the size."""
        for key, held in cases.items():
            self._cases[key] = held
            self._cases.move_to_end(key)
        while len(self._cases) > self._size:
            self._cases.popitem(last=False)
