"""Calendars that live at an address: fetched under the same rules as webhooks are called."""

import asyncio
from collections.abc import Iterable
from typing import Final

import httpx2

from services.notifier.calendar_reading import LARGEST
from services.notifier.channels.egress import (
    CheckedTransport,
    Egress,
    ForbiddenDestinationError,
    UnresolvedNameError,
)

PATIENCE_S: Final = 15.0


async def fetch(addresses: Iterable[str], egress: Egress) -> tuple[dict[str, str], dict[str, str]]:
    """Fetch the calendars at *addresses*, all at once.

    Only addresses that *egress* opens are called, no redirect is followed, and no more is read
    than a calendar may hold.

    Returns:
        The texts by address, and by address why there is none.
    """
    wanted = list(dict.fromkeys(addresses))
    async with httpx2.AsyncClient(
        transport=CheckedTransport(egress), timeout=PATIENCE_S, trust_env=False
    ) as client:
        answers = await asyncio.gather(*(_fetched(client, one) for one in wanted))
    texts, failures = {}, {}
    for address, (text, why) in zip(wanted, answers, strict=True):
        if text is None:
            failures[address] = why
        else:
            texts[address] = text
    return texts, failures


async def _fetched(client: httpx2.AsyncClient, address: str) -> tuple[str | None, str]:
    try:
        async with (
            asyncio.timeout(PATIENCE_S),
            client.stream("GET", address, headers={"accept": "text/calendar"}) as answer,
        ):
            if answer.status_code != httpx2.codes.OK:
                return None, f"it answers {answer.status_code}"
            taken = bytearray()
            async for chunk in answer.aiter_bytes():
                taken += chunk
                if len(taken) > LARGEST:
                    return None, f"it is larger than {LARGEST} bytes"
            return taken.decode("utf-8", "replace"), ""
    except ForbiddenDestinationError as error:
        return None, error.why
    except UnresolvedNameError as error:
        return None, str(error)
    except TimeoutError:
        return None, f"it does not answer within {PATIENCE_S:.0f} s"
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        return None, type(error).__name__
