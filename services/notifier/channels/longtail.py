"""The long tail through apprise: Mattermost, Rocket.Chat, Discord, Telegram, and many more.

An apprise address says which service it is for. Only kinds on the allow list are taken, and where
the address names a host, that host must lead out of our own network, as a webhook's must. apprise looks
names up by itself when it calls, so that the address of each connection is judged once more, in
the moment in which it is opened.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable
from contextvars import ContextVar
from ipaddress import ip_address
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

Judge = Callable[[object], None]
"""Raises where the address of a socket may not be connected to."""

_JUDGE: Final[ContextVar[Judge | None]] = ContextVar("judge", default=None)


def _before_connecting(event: str, given: tuple[Any, ...]) -> None:
    if event == "socket.connect" and (judge := _JUDGE.get()) is not None:
        judge(given[1])


# The one place that no library on the way to a socket goes round. It stays silent but in threads
# in which apprise sends.
sys.addaudithook(_before_connecting)


class LongTail:
    """Sends through apprise to the address in the recipient's entry of the roster."""

    shows_lines: Final = True

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
        return await self._sent(notice, service, kind)

    async def _sent(self, notice: Notice, service: NotifyBase, kind: str) -> Outcome:
        message = notice.message.remarked(notice.remarks)
        refused: list[str] = []
        taken = await asyncio.to_thread(
            _notify,
            service,
            defused(message.subject),
            defused(message.text()),
            self._judge(service, refused),
        )
        if taken:
            return Accepted(f"apprise {kind}")
        if refused:
            return Refused(f"forbidden_destination: {refused[0]}")
        return Failed("apprise_not_taken")

    async def close(self) -> None:
        """Nothing is held open."""

    async def _checked(self, service: NotifyBase) -> None:
        """Make sure that the host which *service* would call leads out of our own network."""
        host = getattr(service, "host", None)
        if not isinstance(host, str) or not host:
            return
        scheme = _scheme(service)
        port = getattr(service, "port", None)
        named = f"[{host}]" if ":" in host else host
        at = f":{port}" if isinstance(port, int) else ""
        await self._egress.checked(httpx2.URL(f"{scheme}://{named}{at}/"))

    def _judge(self, service: NotifyBase, refused: list[str]) -> Judge:
        """Return what lets *service* connect only to where `Egress` lets it; else it is *refused*."""
        scheme = _scheme(service)

        def judge(address: object) -> None:
            try:
                host, port = (address[0], address[1]) if isinstance(address, tuple) else ("", 0)
                self._egress.judged(ip_address(str(host).partition("%")[0]), scheme, int(port))
            except ForbiddenDestinationError as error:
                refused.append(error.why)
                raise PermissionError(error.why) from error
            except ValueError as error:
                refused.append("it is no address of the internet")
                raise PermissionError(refused[-1]) from error

        return judge


def _scheme(service: NotifyBase) -> str:
    return "https" if getattr(service, "secure", True) else "http"


def _notify(service: Any, title: str, body: str, judge: Judge) -> bool:
    """Send in this thread, every connection being judged; say whether it was taken."""
    _JUDGE.set(judge)
    service.interpret_emojis = False
    one = Apprise()
    one.add(service)
    return bool(one.notify(body=body, title=title, body_format=_TEXT))
