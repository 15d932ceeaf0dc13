"""Does to a stage what the schedule says, and counts what was really done."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import asyncpg

from cli.embedded.kafka import KafkaServer
from cli.embedded.postgres import PostgresServer
from shared.runtime.clock import monotonic
from shared.runtime.failpoints import VARIABLE
from tests.chaos.schedule import ACTORS, Fault, Kind
from tests.chaos.stage import Stage

# So long a process lives on beside the one that took its place while it was stopped.
_BOTH_S: Final = 1.5
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
    _kafka: asyncio.Lock = field(default_factory=asyncio.Lock)
    _postgres: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def do(self, faults: Sequence[Fault], *, began: float) -> None:
        """Do *faults*, each at its time, and return when all of it is over and everything is up."""
        await asyncio.gather(*(self._at(fault, began) for fault in faults))

    async def _at(self, fault: Fault, began: float) -> None:
        await asyncio.sleep(max(0.0, began + fault.at_s - monotonic()))
        match fault.kind:
            case Kind.KILL:
                self.done[Kind.KILL] += self.stage.actors[fault.target].kill()
            case Kind.POINT:
                armed = {VARIABLE: fault.point}
                self.done[Kind.KILL] += self.stage.actors[fault.target].kill(armed)
            case Kind.PAUSE:
                await self._pause(fault)
            case Kind.DROP:
                await self._drop()
            case Kind.KAFKA:
                async with self._kafka:
                    await self._restart(self.stage.kafka, fault)
            case Kind.POSTGRES:
                async with self._postgres:
                    await self._restart(self.stage.postgres, fault)

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
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return  # it is away, which is worse

    async def _restart(self, server: KafkaServer | PostgresServer, fault: Fault) -> None:
        await asyncio.to_thread(server.kill)
        self.done[fault.kind] += 1
        await asyncio.sleep(fault.for_s)
        await asyncio.to_thread(server.start)
