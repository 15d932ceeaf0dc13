"""A mail server for one machine: takes what the notifier sends, keeps it, and passes nothing on."""

from __future__ import annotations

import asyncio
import mailbox
from collections.abc import Callable, Mapping
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from aiosmtpd.smtp import SMTP, Envelope, Session

HOST: Final = "127.0.0.1"
SENDER: Final = "tierline@example.org"


class MailSink:
    """An SMTP server on a free port of this machine, as a context.

    Every message is appended to one mbox file, which mail programs can read.

    Attributes:
        file: The mbox file.
        taken: How many messages have come.
    """

    def __init__(self, file: Path, on_mail: Callable[[EmailMessage], None] | None = None) -> None:
        """Describe the server; it listens once entered.

        Args:
            file: Where messages are kept; its folder is made when missing.
            on_mail: Called with each message.
        """
        self.file = file
        self.taken = 0
        self._on_mail = on_mail
        self._server: asyncio.Server | None = None
        self._box: mailbox.mbox | None = None

    @property
    def variables(self) -> Mapping[str, str]:
        """The settings that make the notifier send its mail here."""
        if self._server is None:
            raise RuntimeError("the mail sink has no port before it is entered")
        return {
            "NOTIFIER_SMTP_HOST": HOST,
            "NOTIFIER_SMTP_PORT": str(self._server.sockets[0].getsockname()[1]),
            "NOTIFIER_SMTP_SECURITY": "none",  # from this machine to itself
            "NOTIFIER_MAIL_FROM": SENDER,
        }

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's name
        """Take one message."""
        del server, session
        message = message_from_bytes(_bytes(envelope.content), policy=policy.default)
        if self._box is not None:
            self._box.add(_bytes(envelope.content))
        self.taken += 1
        if self._on_mail is not None:
            self._on_mail(message)
        return "250 Kept on this machine"

    async def __aenter__(self) -> Self:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self._box = mailbox.mbox(self.file)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._session, HOST, 0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        if self._box is not None:
            self._box.close()

    def _session(self) -> SMTP:
        return SMTP(self, hostname="localhost", ident="tierline mail sink", enable_SMTPUTF8=True)


def _bytes(content: Any) -> bytes:
    return content if isinstance(content, bytes) else str(content or "").encode()
