"""The generic webhook, signed by Standard Webhooks: one body per delivery, on every attempt."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook as Signer

from services.notifier.channels.base import Notice
from services.notifier.channels.egress import Egress
from services.notifier.channels.post import Posting
from services.notifier.core.message import defused
from services.notifier.core.plan import Purpose
from services.notifier.core.receipts import REQUESTER
from services.notifier.core.retry import Outcome, Refused
from shared.contract.times import instant, rfc3339

Secrets = Callable[[str], SecretStr]
"""A reference into what it stands for; text that is no reference stands for itself."""


class Webhook:
    """Posts notices to the address in the recipient's entry of the roster."""

    shows_lines: Final = True

    def __init__(
        self, egress: Egress, *, secrets: Secrets, now: Callable[[], datetime], timeout_s: float
    ) -> None:
        self._secrets = secrets
        self._now = now
        self._posting = Posting(egress, now=now, timeout_s=timeout_s)

    async def send(self, notice: Notice) -> Outcome:
        """Post *notice* once; 2xx means that the receiver has it."""
        way = notice.contact.webhook if notice.contact is not None else None
        if way is None:
            return Refused("no_webhook_in_roster")
        body = json.dumps(payload(notice), ensure_ascii=False, separators=(",", ":"))
        headers = self._headers(notice, body, way.secret)
        url = self._secrets(way.url).get_secret_value()
        return await self._posting.post(url, body, headers)

    async def close(self) -> None:
        """Close the client."""
        await self._posting.close()

    def _headers(self, notice: Notice, body: str, secret: str | None) -> dict[str, str]:
        now = self._now()
        headers = {
            "content-type": "application/json",
            "webhook-id": str(notice.id),
            "webhook-timestamp": str(int(now.timestamp())),
            "tierline-attempt": str(notice.attempt),
            "tierline-missed": str(notice.remarks.missed),
        }
        if notice.remarks.repeat:
            headers["tierline-repeat"] = "possible"
        if secret is not None:
            signer = Signer(self._secrets(secret).get_secret_value())
            headers["webhook-signature"] = signer.sign(str(notice.id), now, body)
        return headers


def check_secret(secret: SecretStr) -> None:
    """Make sure that *secret* can sign.

    Raises:
        ValueError: It is no signing secret as Standard Webhooks has them; the message does not show it.
    """
    try:
        Signer(secret.get_secret_value())
    except (ValueError, RuntimeError):
        msg = "its webhook secret is no base64 text, with or without whsec_ before it"
        raise ValueError(msg) from None


def payload(notice: Notice) -> Mapping[str, Any]:
    """Return what a receiver gets: the decision whole, and the same in words.

    Nothing in it depends on the attempt, so that one id never stands for two bodies. Words may
    be passed on to a chat, therefore they call nobody there. Of each notice in a digest it tells
    only the outlines, and of a veiled one the ticket alone. A receipt tells whose it is, and nothing that
    is not for them.
    """
    decision = notice.decision
    data: dict[str, Any] = {
        "delivery_id": str(notice.id),
        "subject": defused(notice.message.subject),
        "text": defused(notice.message.text()),
    }
    if notice.purpose is Purpose.RECEIPT:
        data |= {"ticket": decision.ticket, "purpose": notice.purpose}
        data |= {REQUESTER: decision.data[REQUESTER]}
    elif notice.parts:
        data |= {"role": notice.role, "notices": [_outline(part) for part in notice.parts]}
    else:
        data |= _outline(notice)
        if not notice.veiled:
            data |= {"url": notice.facts.url, "decision": decision.data}
    kind = "receipt" if notice.purpose is Purpose.RECEIPT else decision.type
    return {
        "type": "digest" if notice.parts else kind,
        "timestamp": rfc3339(instant(decision.at)),
        "data": data,
    }


def _outline(notice: Notice) -> dict[str, Any]:
    return {
        "delivery_id": str(notice.id),
        "decision_id": str(notice.decision.id),
        "ticket": notice.decision.ticket,
        "version": notice.decision.version,
        "type": notice.decision.type,
        "purpose": notice.purpose,
        "role": notice.role,
        "mode": notice.mode,
        "fyi": notice.fyi,
        "title": None if notice.veiled else notice.facts.title,
        "subject": defused(notice.message.subject),
    }
