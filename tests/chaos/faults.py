"""Does to a stage what the schedule says, and counts what was really done."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import asyncpg

from cli.embedded.kafka import KafkaServer
from cli.embedded.postgres import PostgresServer
from shared.runtime.clock import monotonic
from shared.runtime.failpoints import VARIABLE
from tests.chaos.cast import Actor
from tests.chaos.schedule import ACTORS, Fault, Kind
from tests.chaos.stage import Stage

# So long a process lives on beside the one that took its place while it was stopped.
_BOTH_S: Final = 1.5
# A process that is not up after so long is killed while it starts, which is worth it too.
_UP_WITHIN_S: Final = 10.0
# A place that is not passed in so long will not be: nothing happens there just now.
_POINT_WITHIN_S: Final = 6.0
_LOOK_S: Final = 0.05
# The last is what asyncpg says where the server's farewell comes before our question.
_AWAY: Final = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
_DROP: Final = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
    " WHERE application_name LIKE 'tierline/%'"
)


@dataclass
class Faults:
    """The hand that does it.

    Attributes:
        stage: To what.
        done: What was done how often, by kind; `drop` counts connections.
    """

    stage: Stage
    done: Counter[Kind] = field(default_factory=Counter)
    _stand_ins: int = 0

    async def do(self, faults: Sequence[Fault], *, began: float, until_s: float) -> None:
        """Do *faults*, and return when all of it is over and everything is up.

        Each comes at its time, or later: what one process or server suffers comes one after the
        other, and it gets up in between, however slow the machine is. Killing faster than that
        would try out nothing but the start.

        Args:
            faults: What to do.
            began: The monotonic moment that their times count from.
            until_s: What is not begun so many real seconds after that is left out.
        """
        queues: dict[str, list[Fault]] = defaultdict(list)
        for fault in faults:
            queues[fault.target or fault.kind].append(fault)
        await asyncio.gather(*(self._one_by_one(q, began, until_s) for q in queues.values()))

    async def _one_by_one(self, faults: Sequence[Fault], began: float, until_s: float) -> None:
        for fault in faults:
            await asyncio.sleep(max(0.0, began + fault.at_s - monotonic()))
            if fault.target:
                await self._up(self.stage.actors[fault.target])
            if monotonic() - began > until_s:
                return
            await self._do(fault)

    async def _up(self, actor: Actor) -> None:
        await _within(_UP_WITHIN_S, lambda: actor.up)

    async def _do(self, fault: Fault) -> None:
        match fault.kind:
            case Kind.KILL:
                self.done[Kind.KILL] += self.stage.actors[fault.target].kill()
            case Kind.POINT:
                await self._have_it_kill_itself(self.stage.actors[fault.target], fault.point)
            case Kind.PAUSE:
                await self._pause(fault)
            case Kind.DROP:
                await self._drop()
            case Kind.KAFKA:
                await self._restart(self.stage.kafka, fault)
            case Kind.POSTGRES:
                await self._restart(self.stage.postgres, fault)

    async def _have_it_kill_itself(self, actor: Actor, point: str) -> None:
        """Give *actor* a life that ends at *point*, and wait for that end."""
        before = actor.life
        self.done[Kind.KILL] += actor.kill({VARIABLE: point})
        await _within(_UP_WITHIN_S, lambda: actor.life > before)
        armed = actor.life
        await _within(_UP_WITHIN_S, lambda: actor.up or actor.life > armed)
        await _within(_POINT_WITHIN_S, lambda: actor.life > armed)

    async def _pause(self, fault: Fault) -> None:
        """Stop a process in mid-step, have another take its place, and let it wake up as a zombie."""
        actor = self.stage.actors[fault.target]
        if not actor.signal(signal.SIGSTOP):
            return
        self.done[Kind.PAUSE] += 1
        service = ACTORS[fault.target]
        if service == "intake":
            # The port is its own, so nobody can take its place.
            await asyncio.sleep(fault.for_s)
            actor.signal(signal.SIGCONT)
            return
        self._stand_ins += 1
        stand_in = self.stage.actor(f"{service}-stand-in-{self._stand_ins}", service)
        await stand_in.start()
        await asyncio.sleep(fault.for_s)
        actor.signal(signal.SIGCONT)
        await asyncio.sleep(_BOTH_S)
        await stand_in.stop()

    async def _drop(self) -> None:
        try:
            connection = await asyncpg.connect(self.stage.database_url, timeout=2)
            self.done[Kind.DROP] += await connection.fetchval(_DROP)
            await connection.close()
        except _AWAY:
            return  # which is worse

    async def _restart(self, server: KafkaServer | PostgresServer, fault: Fault) -> None:
        await asyncio.to_thread(server.kill)
        self.done[fault.kind] += 1
        await asyncio.sleep(fault.for_s)
        await asyncio.to_thread(server.start)


async def _within(seconds: float, claim: Callable[[], bool]) -> None:
    """Return once *claim* holds, or after *seconds*."""
    give_up_at = monotonic() + seconds
    while not claim() and monotonic() < give_up_at:  # noqa: ASYNC110  what happens elsewhere
        await asyncio.sleep(_LOOK_S)
