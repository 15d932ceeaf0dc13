"""Who is let through to Kafka, and how many: overload and outage are answered, never queued."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from services.intake import metrics
from shared.contract.errors import Reason, TransientError
from shared.runtime.clock import monotonic

MAX_EVENTS: Final = 10_000
"""How many events may wait for Kafka where nobody says otherwise."""

_MISSES: Final = 3
_WITHIN_S: Final = 10.0
_PROBE_EVERY_S: Final = 1.0
_MOST_HOLDERS: Final = 10_000


class OverloadedError(TransientError):
    """As many requests wait for Kafka as may; this one was not begun."""

    reason = Reason.KAFKA_UNAVAILABLE


class SilentKafkaError(TransientError):
    """Kafka has not answered lately; this request was not begun."""

    reason = Reason.KAFKA_UNAVAILABLE


class Gate:
    """Lets requests through while Kafka answers, and one a second while it does not.

    Three deadlines missed within ten seconds close it; one acknowledgement opens it.
    """

    def __init__(
        self,
        max_in_flight: int,
        max_events: int = MAX_EVENTS,
        *,
        now: Callable[[], float] = monotonic,
    ) -> None:
        """Open the gate.

        Args:
            max_in_flight: How many requests may wait at the same time.
            max_events: How many events they may hold together; so many are written well within
                the time that Kafka has, or the last of them would wait in vain.
            now: Monotonic seconds.
        """
        self._now = now
        self._max_in_flight = max_in_flight
        self._max_events = max_events
        self._in_flight = 0
        self._events = 0
        self._misses: deque[float] = deque(maxlen=_MISSES)
        self._closed = False
        self._probed_at = 0.0

    @contextmanager
    def passing(self, events: int = 1) -> Iterator[None]:
        """Hold a place, with so many *events*, among those that wait for Kafka.

        Raises:
            OverloadedError: There is none.
            SilentKafkaError: The gate is closed, and another request is this second's probe.
        """
        if self._in_flight >= self._max_in_flight:
            raise OverloadedError("too many requests wait for Kafka")
        if self._events and self._events + events > self._max_events:
            raise OverloadedError("too many events wait for Kafka")
        if self._closed and not self._is_probe():
            raise SilentKafkaError("Kafka has not answered lately")
        self._in_flight += 1
        self._events += events
        metrics.IN_FLIGHT.set(self._in_flight)
        try:
            yield
        finally:
            self._in_flight -= 1
            self._events -= events
            metrics.IN_FLIGHT.set(self._in_flight)

    def missed(self) -> None:
        """Note that Kafka did not answer in time."""
        now = self._now()
        self._misses.append(now)
        if len(self._misses) == _MISSES and now - self._misses[0] <= _WITHIN_S and not self._closed:
            self._closed = True
            self._probed_at = now
            metrics.FAST_FAILING.set(1)

    def answered(self) -> None:
        """Note that Kafka has acknowledged."""
        if self._misses:
            self._misses.clear()
        if self._closed:
            self._closed = False
            metrics.FAST_FAILING.set(0)

    def _is_probe(self) -> bool:
        now = self._now()
        if now - self._probed_at < _PROBE_EVERY_S:
            return False
        self._probed_at = now
        return True
