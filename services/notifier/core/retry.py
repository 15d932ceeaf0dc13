"""When a delivery is tried again, when by another way, and when it is given up.

Waits are physical seconds: a provider that asks for a minute means a minute, however fast the
clock of the policy runs.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final
from uuid import UUID

BASE: Final = timedelta(seconds=2)
CAP: Final = timedelta(minutes=30)
RETRY_AFTER_CAP: Final = timedelta(hours=1)
GIVE_UP: Final[Mapping[str, timedelta]] = {"P1": timedelta(hours=6)}
GIVE_UP_DEFAULT: Final = timedelta(hours=24)
RETRIED_STATUSES: Final = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Accepted:
    """The far side took it; *confirmed* when that is the recipient and not a relay."""

    provider_ref: str | None = None
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """It was not taken, as far as is known, and trying again may help.

    *wait* is the far side's own word on when; *gate* tells that the way itself is in trouble
    and not only this message (it counts for the circuit breaker); *unclear* that the far side
    may have taken it all the same, having had the whole message and given no answer.
    """

    why: str
    wait: timedelta | None = None
    gate: bool = True
    unclear: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """It was not taken and never will be; *gone* when nothing else will be either."""

    why: str
    gone: bool = False


Outcome = Accepted | Failed | Refused


def http_outcome(status: int, retry_after: str | None, *, now: datetime) -> Outcome:
    """Read an HTTP answer.

    Args:
        status: The status code. A redirect is a refusal: it is never followed.
        retry_after: The ``Retry-After`` header, in seconds or as a date.
        now: The real instant of the answer, against which a date is measured.
    """
    if 200 <= status < 300:  # noqa: PLR2004  the class of success
        return Accepted(provider_ref=f"http {status}", confirmed=True)
    why = f"http_{status}"
    if status in RETRIED_STATUSES or 500 <= status < 600:  # noqa: PLR2004  server's fault
        return Failed(why, wait=parse_retry_after(retry_after, now=now))
    return Refused(why, gone=status == 410)  # noqa: PLR2004  Gone


def smtp_outcome(code: int) -> Outcome:
    """Read an SMTP reply code: 2xx is taken, 4xx may pass, the rest never will."""
    if 200 <= code < 300:  # noqa: PLR2004
        return Accepted(provider_ref=f"smtp {code}")
    if 400 <= code < 500:  # noqa: PLR2004
        # 421 says that the whole service is closing; other 4xx speak of this message.
        return Failed(f"smtp_{code}", gate=code == 421)  # noqa: PLR2004
    return Refused(f"smtp_{code}")


def parse_retry_after(text: str | None, *, now: datetime) -> timedelta | None:
    """Return the wait a ``Retry-After`` header asks for, at most an hour; None if unreadable."""
    if text is None:
        return None
    stripped = text.strip()
    if stripped.isascii() and stripped.isdigit():
        # Compare digits first: a header of a thousand digits must not become a number.
        if len(stripped) > len(str(int(RETRY_AFTER_CAP.total_seconds()))):
            return RETRY_AFTER_CAP
        return min(timedelta(seconds=int(stripped)), RETRY_AFTER_CAP)
    try:
        until = parsedate_to_datetime(stripped)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return min(max(until - now, timedelta(0)), RETRY_AFTER_CAP)


def wait_before_next(attempt: int, *, chance: float) -> timedelta:
    """Return the wait after failed attempt number *attempt* (counted from 1).

    Full jitter: a share *chance* (0 to 1) of a bound that doubles from 4 s up to half an hour.
    """
    # Clamp the factor, not only the product: a timedelta overflows near 2**46 seconds.
    factor = min(1 << min(attempt, 20), CAP // BASE + 1)
    return min(CAP, BASE * factor) * chance


def chance_of(delivery: UUID, attempt: int) -> float:
    """Return a number in [0, 1) that differs from delivery to delivery but repeats in replay."""
    digest = hashlib.sha256(delivery.bytes + attempt.to_bytes(8, "big")).digest()
    return int.from_bytes(digest[:7], "big") / (1 << 56)


def give_up_age(priority: str | None) -> timedelta:
    """Return for how long a delivery of this *priority* is worth trying."""
    return GIVE_UP.get(priority or "", GIVE_UP_DEFAULT)
