"""Calendars that live at an address: fetched under the same rules as webhooks are called."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

import httpx2
from pydantic import SecretStr

from services.notifier.calendar_reading import LARGEST
from services.notifier.channels.egress import (
    CheckedTransport,
    Egress,
    ForbiddenDestinationError,
    UnresolvedNameError,
)
from shared.runtime.secret import MissingSecretError

PATIENCE_S: Final = 15.0


async def fetch(
    sources: Iterable[str], egress: Egress, secrets: Callable[[str], SecretStr]
) -> tuple[dict[str, str], dict[str, str]]:
    """Fetch the calendars at *sources*, all at once.

    Only addresses that *egress* opens are called, no redirect is followed, and no more is read
    than a calendar may hold.

    Args:
        sources: Addresses, or references to them (``env:NAME``), as a roster names them.
        egress: Which addresses may be called.
        secrets: Finds what a reference stands for; it is looked up at every fetching.

    Returns:
        The texts by source, and by source why there is none.
    """
    wanted = list(dict.fromkeys(sources))
    async with httpx2.AsyncClient(
        transport=CheckedTransport(egress), timeout=PATIENCE_S, trust_env=False
    ) as client:
        answers = await asyncio.gather(*(_fetched(client, one, secrets) for one in wanted))
    texts, failures = {}, {}
    for source, (text, why) in zip(wanted, answers, strict=True):
        if text is None:
            failures[source] = why
        else:
            texts[source] = text
    return texts, failures


async def _fetched(
    client: httpx2.AsyncClient, source: str, secrets: Callable[[str], SecretStr]
) -> tuple[str | None, str]:
    try:
        address = secrets(source).get_secret_value()
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
    except MissingSecretError as error:
        return None, str(error)
    except ForbiddenDestinationError as error:
        return None, error.why
    except UnresolvedNameError as error:
        return None, str(error)
    except TimeoutError:
        return None, f"it does not answer within {PATIENCE_S:.0f} s"
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        return None, type(error).__name__
