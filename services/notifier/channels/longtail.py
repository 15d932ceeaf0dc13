"""The long tail through apprise: Mattermost, Rocket.Chat, Discord, Telegram, and many more.

An apprise address says which service it is for. Only kinds on the allow list are taken, and where
the address names a host, that host must lead out of our own network, as a webhook's must.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

import httpx2
from apprise import Apprise, NotifyBase
from pydantic import SecretStr

from services.notifier.channels.base import Notice
from services.notifier.channels.egress import (
    Egress,
    ForbiddenDestinationError,
    UnresolvedNameError,
)
from services.notifier.core.message import defused
from services.notifier.core.retry import Accepted, Failed, Outcome, Refused

# Its own lines hold addresses, and these are secrets.
logging.getLogger("apprise").setLevel(logging.CRITICAL)

_TEXT: Final = "text"


class LongTail:
    """Sends through apprise to the address in the recipient's entry of the roster."""

    def __init__(
        self,
        egress: Egress,
        *,
        allow: tuple[str, ...],
        secrets: Callable[[str], SecretStr],
    ) -> None:
        self._egress = egress
        self._allow = allow
        self._secrets = secrets

    async def send(self, notice: Notice) -> Outcome:
        """Send *notice* once; apprise does not say why something failed, so that it is tried again."""
        reference = notice.contact.addresses.get("apprise") if notice.contact is not None else None
        if reference is None:
            return Refused("no_apprise_in_roster")
        address = self._secrets(reference).get_secret_value()
        kind = address.partition("://")[0].lower()
        if kind not in self._allow:
            return Refused(f"kind_not_allowed: {kind[:40]}")
        # The first time it loads the modules of all services, which takes a second.
        service = await asyncio.to_thread(Apprise.instantiate, address, suppress_exceptions=True)
        if not isinstance(service, NotifyBase):
            return Refused("invalid_apprise_address")
        try:
            await self._checked(service)
        except ForbiddenDestinationError as error:
            return Refused(f"forbidden_destination: {error.why}")
        except UnresolvedNameError:
            return Failed("name_not_resolved")
        except (httpx2.InvalidURL, UnicodeError):
            return Refused("invalid_apprise_address")
        message = notice.message.remarked(notice.remarks)
        taken = await _notify(service, defused(message.subject), defused(message.text()))
        return Accepted(f"apprise {kind}") if taken else Failed("apprise_not_taken")

    async def close(self) -> None:
        """Nothing is held open."""

    async def _checked(self, service: NotifyBase) -> None:
        """Make sure that the host which *service* would call leads out of our own network."""
        host = getattr(service, "host", None)
        if not isinstance(host, str) or not host:
            return
        scheme = "https" if getattr(service, "secure", True) else "http"
        port = getattr(service, "port", None)
        named = f"[{host}]" if ":" in host else host
        at = f":{port}" if isinstance(port, int) else ""
        await self._egress.checked(httpx2.URL(f"{scheme}://{named}{at}/"))


async def _notify(service: Any, title: str, body: str) -> bool:
    service.interpret_emojis = False
    one = Apprise()
    one.add(service)
    return bool(await one.async_notify(body=body, title=title, body_format=_TEXT))
