"""HTTP as lean as it can be, so that the load costs less than what it is put on."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered: the status, and the body as JSON."""

    status: int
    said: Any


class Connection:
    """One connection that is kept open from request to request."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> Self:
        """Connect to *port* of this machine."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def post(self, body: bytes, *, within_s: float = 60) -> Answer:
        """Post one structured event, and return the answer.

        Raises:
            OSError: The far side is gone, or has not answered within *within_s* seconds.
        """
        head = (
            "POST /v1/events HTTP/1.1\r\nhost: intake\r\n"
            f"content-type: application/cloudevents+json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        self._writer.write(head.encode() + body)
        try:
            async with asyncio.timeout(within_s):
                answer = (await self._reader.readuntil(b"\r\n\r\n")).lower()
                length = int(answer.split(b"content-length:")[1].split(b"\r\n")[0])
                content = await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, TimeoutError) as error:
            raise ConnectionResetError from error
        return Answer(int(answer.split(b" ", 2)[1]), json.loads(content))

    @property
    def hung_up(self) -> bool:
        """Whether the far side has hung up, as it does where a connection is idle for long."""
        return self._reader.at_eof()

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


@dataclass
class Pool:
    """As many connections to *port* as are needed at the same time."""

    port: int
    _idle: list[Connection] = field(default_factory=list)

    async def post(self, body: bytes) -> Answer:
        """Post one structured event over an idle connection, or over a new one.

        Raises:
            OSError: The far side is gone.
        """
        while self._idle:
            connection = self._idle.pop()
            if connection.hung_up:
                connection.close()
                continue
            try:
                return await self._through(connection, body)
            except ConnectionError:
                # It was closed for its idleness under our hands, as any client must expect.
                continue
        return await self._through(await Connection.open(self.port), body)

    async def _through(self, connection: Connection, body: bytes) -> Answer:
        try:
            answer = await connection.post(body)
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        return answer

    def close(self) -> None:
        """Hang up everywhere."""
        for one in self._idle:
            one.close()
