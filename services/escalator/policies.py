"""The policies in force: taken from their topic into the database, and from there by everybody.

What holds when is decided once, in the database, and not by each instance as it reads the topic. A
policy is recorded while nobody decides, and holds from the second after that at the earliest; every
transaction that decides looks first whether it knows the newest. So an event is decided by the same
policies whoever decides it, and nothing that counts after an activation was decided without it.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from services.escalator import metrics
from services.escalator.store import PolicyChangedError, hold_policies
from services.escalator.store_events import Dead, park
from services.escalator.store_policies import (
    Recorded,
    Version,
    add,
    digest_of,
    read_to_the_end,
    recorded_since,
    something_decided,
)
from shared.contract.errors import InvalidEventError, PermanentError, Reason, TransientError
from shared.contract.policies import PolicyActivated, decode_policy
from shared.contract.times import EPOCH, Instant, instant
from shared.policy.document import Policy, PolicyTimeline
from shared.policy.load import PolicyError, load_policy, load_policy_file
from shared.runtime import progress
from shared.runtime.database import Connection, Database, retrying
from shared.runtime.kafka import Batch, Incoming
from shared.runtime.run import stopped_within
from shared.runtime.telemetry import DEAD_LETTERS

log = structlog.get_logger()

_LOOK_S: Final = 0.1


class UnusablePolicyError(PermanentError):
    """An activation whose text is no policy, or not the one that it says."""

    reason = Reason.POLICY_INVALID


@dataclass(slots=True)
class Policies:
    """The timeline that this process knows.

    Attributes:
        database: The escalator's own.
        topic: The full name of the topic of activations.
        file: The policy that holds from the beginning where nothing else was activated for it.
    """

    database: Database
    topic: str
    file: Path
    _epoch: int = 0
    _versions: list[tuple[Instant, Policy]] = field(default_factory=list)
    _timeline: PolicyTimeline | None = None

    def timeline(self, epoch: int) -> PolicyTimeline:
        """Return the timeline, which must be that of *epoch*.

        Raises:
            PolicyChangedError: It is not; call `refresh` outside of the transaction.
        """
        if self._timeline is None or epoch != self._epoch:
            raise PolicyChangedError
        return self._timeline

    async def known(self, epoch: int) -> PolicyTimeline:
        """Return the timeline of *epoch*, or a later one, learnt first where it is not known."""
        while self._timeline is None or self._epoch < epoch:
            await self.refresh()
        return self._timeline

    async def settle(self, stop: asyncio.Event) -> None:
        """Return once it is known which policies hold from the beginning, or *stop* is set.

        Where nothing was decided yet, that is once the topic was read to its end.
        """
        with suppress(TransientError):  # which comes out only once *stop* is set
            while not await retrying(self._settled, stop=stop, what="find the policies in force"):
                if await stopped_within(stop, _LOOK_S):
                    return
            await retrying(self.refresh, stop=stop, what="read the policies in force")

    async def refresh(self) -> None:
        """Learn what was recorded since this was last called."""
        async with self.database.transaction() as conn:
            found = await recorded_since(conn, self._epoch)
        for one in found:
            # Compiling takes longer than the event loop may stand still.
            policy = await asyncio.to_thread(load_policy, one.text, name=f"version {one.version}")
            self._learn(one, policy)

    async def handle(self, batch: Batch) -> None:
        """Record the activations of *batch*; those that cannot hold are parked."""
        read = [(record, await _read(record)) for record in batch.records]
        async with self.database.transaction() as conn:
            positions = await progress.lock(conn, batch.topic, batch.next_offsets)
            await hold_policies(conn)
            dead = []
            left = batch.beyond(positions)
            for record, version in read:
                if record not in left.records:
                    continue
                flaw = (
                    version if isinstance(version, Dead) else await _record(conn, record, version)
                )
                if flaw is not None:
                    dead.append(flaw)
            await park(conn, batch.topic, dead)
            await progress.advance(conn, batch.topic, left.next_offsets)
        for one in dead:
            DEAD_LETTERS.labels(batch.topic, one.reason).inc()
            log.error("policy refused", offset=one.record.offset, why=one.reason, error=one.error)

    async def _settled(self) -> bool:
        async with self.database.transaction() as conn:
            await hold_policies(conn)
            if await something_decided(conn):
                return True
            if not await read_to_the_end(conn, self.topic):
                return False
            await add(conn, _from_the_beginning(self.file))
            return True

    def _learn(self, one: Recorded, policy: Policy) -> None:
        if one.epoch <= self._epoch:
            return
        self._epoch = one.epoch
        self._versions.append((instant(one.active_from), policy))
        self._timeline = PolicyTimeline(self._versions)
        metrics.POLICY.set(policy.version)
        log.info("policy known", version=policy.version, active_from=one.active_from.isoformat())


def _from_the_beginning(file: Path) -> Version:
    policy = load_policy_file(file)
    return Version(policy.name, policy.version, policy.digest, policy.text, EPOCH)


async def _read(record: Incoming) -> Version | Dead:
    try:
        said = decode_policy(record.value, record.headers).data
        await asyncio.to_thread(_verify, said)
    except (InvalidEventError, UnusablePolicyError) as error:
        return Dead(record, str(error.reason), str(error))
    return Version(
        said.name, said.version, said.digest, said.text, said.active_from, said.by, said.note
    )


def _verify(said: PolicyActivated) -> None:
    try:
        policy = load_policy(said.text, name=f"{said.name} version {said.version}")
    except PolicyError as error:
        raise UnusablePolicyError(str(error)) from error
    if (policy.name, policy.version, policy.digest) != (said.name, said.version, said.digest):
        msg = (
            f"it says {said.name} {said.version} ({said.digest}), but its text is"
            f" {policy.name} {policy.version} ({policy.digest})"
        )
        raise UnusablePolicyError(msg)


async def _record(conn: Connection, record: Incoming, version: Version) -> Dead | None:
    begins = await add(conn, version)
    if begins is not None:
        log.info("policy recorded", version=version.version, active_from=begins.isoformat())
        return None
    if await digest_of(conn, version.version) == version.digest:
        return None
    msg = f"version {version.version} is another policy already; give this one a higher number"
    return Dead(record, str(Reason.POLICY_INVALID), msg)
