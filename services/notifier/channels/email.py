"""E-mail over SMTP: a stable Message-ID per delivery, one thread per case."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final, Literal
from uuid import uuid5

import aiosmtplib
from pydantic import SecretStr

from services.notifier.channels.base import Notice
from services.notifier.core.message import plain
from services.notifier.core.retry import Failed, Outcome, Refused, smtp_outcome
from shared.contract.ids import NAMESPACE

_QUIT_S: Final = 1.0

Security = Literal["starttls", "tls", "none"]


@dataclass(frozen=True, slots=True)
class Relay:
    """The mail server that takes our messages, and in whose name they go.

    *sender* is the From address; its domain also makes the Message-IDs. Certificates are
    always verified.
    """

    host: str
    port: int
    security: Security
    sender: str
    user: str | None = None
    password: SecretStr | None = None
    sender_name: str = "Tierline"


class Email:
    """Hands each notice to the relay in a connection of its own."""

    shows_lines: Final = True

    def __init__(self, relay: Relay, *, now: Callable[[], datetime], timeout_s: float) -> None:
        self._relay = relay
        self._now = now
        self._timeout_s = timeout_s

    async def send(self, notice: Notice) -> Outcome:
        """Submit *notice*; 2xx means that the relay has it, not yet the recipient."""
        if notice.contact is None or notice.contact.email is None:
            return Refused("no_address_in_roster")
        message = compose(notice, self._relay, now=self._now())
        client = self._client()
        try:
            await client.connect()
        except aiosmtplib.SMTPAuthenticationError as error:
            return smtp_outcome(error.code)
        except aiosmtplib.SMTPResponseException as error:
            return Failed(f"smtp_{error.code}")
        except (aiosmtplib.SMTPException, OSError) as error:
            return Failed(type(error).__name__)
        try:
            return await self._submit(client, message, notice.contact.email)
        finally:
            client.close()

    async def close(self) -> None:
        """Nothing is held open between messages."""

    def _client(self) -> aiosmtplib.SMTP:
        relay = self._relay
        return aiosmtplib.SMTP(
            hostname=relay.host,
            port=relay.port,
            timeout=self._timeout_s,
            use_tls=relay.security == "tls",
            start_tls=relay.security == "starttls",
            tls_context=None if relay.security == "none" else ssl.create_default_context(),
            username=relay.user,
            password=relay.password.get_secret_value() if relay.password is not None else None,
        )

    async def _submit(
        self, client: aiosmtplib.SMTP, message: EmailMessage, recipient: str
    ) -> Outcome:
        try:
            await client.send_message(message, sender=self._relay.sender, recipients=[recipient])
        except aiosmtplib.SMTPRecipientsRefused as error:
            return smtp_outcome(error.recipients[0].code)
        except aiosmtplib.SMTPResponseException as error:
            return smtp_outcome(error.code)
        except (aiosmtplib.SMTPException, OSError) as error:
            # The link broke while the message went over: the relay may have it.
            return Failed(type(error).__name__, unclear=True)
        with contextlib.suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
            # Good manners; the message is the relay's already.
            async with asyncio.timeout(_QUIT_S):
                await client.quit()
        return smtp_outcome(250)


def compose(notice: Notice, relay: Relay, *, now: datetime) -> EmailMessage:
    """Return *notice* as a message: plain and HTML, automatic, threaded by its case.

    Raises:
        ValueError: If a header holds a line break; words are cleaned before, so this is the
            second lock on the same door.
    """
    contact = notice.contact
    if contact is None or contact.email is None:
        message = f"delivery {notice.id} has no e-mail address to go to"
        raise ValueError(message)
    domain = relay.sender.rpartition("@")[2]
    words = notice.message.remarked(notice.remarks)
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address(relay.sender_name, addr_spec=relay.sender)
    mail["To"] = Address(plain(contact.name), addr_spec=contact.email)
    mail["Subject"] = words.subject
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{notice.id}@{domain}>"
    if not notice.parts:
        case, escalation = _thread(notice, domain)
        mail["In-Reply-To"] = case
        mail["References"] = f"{case} {escalation}" if escalation else case
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail.set_content(words.text(), cte="quoted-printable")
    mail.add_alternative(words.html(), subtype="html", cte="quoted-printable")
    return mail


def _thread(notice: Notice, domain: str) -> tuple[str, str | None]:
    """Return the ids under which mail clients gather a case, and in it an escalation.

    No mail has them: they are derived, so that any mail of a case may be its first or get lost.
    """
    case = f"<case-{uuid5(NAMESPACE, notice.decision.ticket)}@{domain}>"
    escalation = notice.decision.escalation
    if escalation is None:
        return case, None
    return case, f"<escalation-{uuid5(NAMESPACE, escalation)}@{domain}>"
