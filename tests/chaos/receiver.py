"""The far side of every notice: takes webhooks, remembers each, and is at times of little help."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, Self
from uuid import UUID

# Out of so many requests one is refused, one taken but never answered, and one answered slowly.
_MOODS: Final = 60
_SLOW_S: Final = 0.4


@dataclass(frozen=True, slots=True)
class Receipt:
    """One request that took effect.

    Attributes:
        id: Its idempotency key.
        body: What was sent, whole.
        marked: Whether it says that it may be a repeat.
        deliveries: The deliveries that it holds: one, or those of a digest.
    """

    id: UUID
    body: bytes
    marked: bool
    deliveries: tuple[UUID, ...]


@dataclass
class Receiver:
    """An HTTP server on a free port of this machine.

    Attributes:
        receipts: Everything that took effect, in the order of arrival.
        refused: How many requests were answered 503.
        unanswered: How many took effect and were never answered.
    """

    receipts: list[Receipt] = field(default_factory=list)
    refused: int = 0
    unanswered: int = 0
    port: int = 0
    _server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self._answer(reader, writer):
                pass
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        headers = dict(_headers(head))
        body = await reader.readexactly(int(headers["content-length"]))
        mood = _mood(headers)
        if mood == 0:
            self.refused += 1
            writer.write(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n")
            await writer.drain()
            return True
        self.receipts.append(_receipt(headers, body))
        if mood == 1:
            self.unanswered += 1
            return False
        if mood == 2:
            await asyncio.sleep(_SLOW_S)
        writer.write(b"HTTP/1.1 204 Taken\r\n\r\n")
        await writer.drain()
        return True


def _headers(head: str) -> list[tuple[str, str]]:
    lines = [line.partition(":") for line in head.split("\r\n")[1:] if line]
    return [(name.lower(), text.strip()) for name, _, text in lines]


def _mood(headers: Mapping[str, str]) -> int:
    """Return the same mood for the same attempt, however the run goes."""
    attempt = f"{headers['webhook-id']} {headers['tierline-attempt']}"
    return sha256(attempt.encode()).digest()[0] % _MOODS


def _receipt(headers: Mapping[str, str], body: bytes) -> Receipt:
    data: dict[str, Any] = json.loads(body)["data"]
    parts = data.get("notices") or [data]
    return Receipt(
        UUID(headers["webhook-id"]),
        body,
        "tierline-repeat" in headers,
        tuple(UUID(part["delivery_id"]) for part in parts),
    )
