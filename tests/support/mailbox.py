"""A mail server that keeps what it gets, and does what a test tells it to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP, Envelope, Session

TAKE = "250 taken"
CUT = "cut"
"""Take the message, and break the connection instead of saying so."""


@dataclass
class Mailbox:
    """Every message, in the order of arrival; *reply* says what is answered to the next one."""

    reply: Callable[[], str] = lambda: TAKE
    got: list[EmailMessage] = field(default_factory=list)
    port: int = 0
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def handle_DATA(  # noqa: N802  the name is aiosmtpd's
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Keep the message, unless it is refused."""
        del session
        said = self.reply()
        if said.startswith("2") or said == CUT:
            content = envelope.content
            assert isinstance(content, bytes)
            mail = message_from_bytes(content, policy=policy.default)
            assert isinstance(mail, EmailMessage)
            async with self._changed:
                self.got.append(mail)
                self._changed.notify_all()
        if said == CUT:
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
        return said

    async def until_got(self, count: int, *, within_s: float = 30) -> None:
        """Wait until *count* messages have come."""
        async with asyncio.timeout(within_s), self._changed:
            await self._changed.wait_for(lambda: len(self.got) >= count)

    def to(self, address: str) -> list[EmailMessage]:
        """Return what came for *address*."""
        return [mail for mail in self.got if address in str(mail["To"])]


def body(mail: EmailMessage) -> str:
    """Return the plain text of *mail*."""
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


@asynccontextmanager
async def mailbox(*, port: int = 0) -> AsyncIterator[Mailbox]:
    """Run a mail server on a free port, or on *port*."""
    box = Mailbox()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(box, hostname="mail.test", enable_SMTPUTF8=True), "127.0.0.1", port
    )
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
