"""Receipts: by mail to whoever asked, or posted to a helpdesk that passes them on."""

from dataclasses import replace
from typing import Final

from services.notifier.channels.base import Channel, Notice
from services.notifier.core.plan import MAIL
from services.notifier.core.receipts import REQUESTER
from services.notifier.core.retry import Outcome, Refused
from services.notifier.core.roster import Contact, Receipts
from services.notifier.rosters import Rosters
from shared.contract.deliveries import Suppression


class Receipt:
    """Hands each receipt to the channel that the roster names for them."""

    shows_lines: Final = True

    def __init__(self, rosters: Rosters, *, email: Channel | None, webhook: Channel) -> None:
        self._rosters = rosters
        self._email = email
        self._webhook = webhook

    async def send(self, notice: Notice) -> Outcome:
        """Send *notice* to whoever its decision says has asked."""
        receipts = self._rosters.current.receipts
        if receipts is None:
            return Refused(Suppression.RECEIPTS_OFF)
        addressed = replace(notice, contact=self._contact(notice, receipts))
        if receipts.channel != MAIL:
            return await self._webhook.send(addressed)
        if self._email is None:
            return Refused("channel_not_configured")
        return await self._email.send(addressed)

    async def close(self) -> None:
        """Nothing of its own is held open: the channels behind it are closed by whoever made them."""

    def _contact(self, notice: Notice, receipts: Receipts) -> Contact | None:
        if receipts.to is not None:
            return self._rosters.current.contacts.get(receipts.to)
        return Contact(REQUESTER, name="", email=str(notice.decision.data[REQUESTER]))
