"""The sandbox: everything that would leave is written to a file, a line each, in full."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Final

from services.notifier.channels.base import Notice
from services.notifier.core.message import cut
from services.notifier.core.retry import Accepted, Failed, Outcome

_LONGEST: int = 20_000


class Sandbox:
    """Stands in for a channel and lets nothing out."""

    shows_lines: Final = True

    def __init__(self, name: str, path: Path) -> None:
        self._name = name
        self._path = path

    async def send(self, notice: Notice) -> Outcome:
        """Write *notice* down; nobody has got it, and the ledger says so."""
        message = notice.message.remarked(notice.remarks)
        line = json.dumps(
            {
                "channel": self._name,
                "to": None if notice.contact is None else notice.contact.key,
                "role": notice.role,
                "ticket": notice.decision.ticket,
                "delivery_id": str(notice.id),
                "subject": message.subject,
                "text": cut(message.text(), _LONGEST),
            },
            ensure_ascii=False,
        )
        try:
            await asyncio.to_thread(_append, self._path, line)
        except OSError as error:
            return Failed(type(error).__name__)
        return Accepted(provider_ref="sandbox")

    async def close(self) -> None:
        """Nothing is held open."""


def _append(path: Path, line: str) -> None:
    with path.open("a", encoding="utf-8") as out:
        out.write(f"{line}\n")
