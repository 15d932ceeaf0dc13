"""An HTTP server that does what a test tells it to: answer, hang, or hang up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Request:
    """One request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body, parsed."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """What is answered; a *status* of 0 closes the connection without a word."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


CUT = Answer(0)
"""Take the request and hang up."""

Respond = Callable[[Request], Awaitable[Answer]]


async def take(_: Request) -> Answer:
    """Take everything."""
    return Answer(200)


@dataclass
class Peer:
    """The server: what it got, and what it answers next (`respond` may be replaced at any time)."""

    respond: Respond = take
    got: list[Request] = field(default_factory=list)
    port: int = 0
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _open: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def until_got(self, count: int, *, within_s: float = 30) -> None:
        """Wait until *count* requests have come."""
        async with asyncio.timeout(within_s), self._changed:
            await self._changed.wait_for(lambda: len(self.got) >= count)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, request after request."""
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while await self._one(reader, writer):
                    pass
        finally:
            self._open.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {
            name.lower(): text.strip()
            for name, _, text in (line.partition(":") for line in head[1:] if line)
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        request = Request(method, path, headers, body)
        async with self._changed:
            self.got.append(request)
            self._changed.notify_all()
        answer = await self.respond(request)
        if answer.status == 0:
            return False
        lines = [f"HTTP/1.1 {answer.status} x", f"content-length: {len(answer.body)}"]
        lines += [f"{name}: {text}" for name, text in answer.headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + answer.body)
        await writer.drain()
        return True

    def hang_up(self) -> None:
        """Drop whoever is connected."""
        for task in self._open:
            task.cancel()


@asynccontextmanager
async def http_peer(respond: Respond = take, *, port: int = 0) -> AsyncIterator[Peer]:
    """Run a peer on a free port, or on *port*."""
    peer = Peer(respond)
    server = await asyncio.start_server(peer.serve, "127.0.0.1", port)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()
        peer.hang_up()
        await asyncio.gather(*peer._open, return_exceptions=True)


def in_turn(*answers: Answer) -> Respond:
    """Answer with *answers* one after the other, then with 200."""
    left = list(answers)

    async def respond(_: Request) -> Answer:
        return left.pop(0) if left else Answer(200)

    return respond


async def never(_: Request) -> Answer:
    """Take the request and say nothing."""
    await asyncio.Event().wait()
    return CUT
