"""The least that sends webhooks: the same channel, signed the same, without any ledger."""

from __future__ import annotations

import asyncio
import os
import sys
from uuid import UUID

import uvloop

from services.notifier.channels.base import Notice
from services.notifier.channels.egress import Egress, parse_allowance
from services.notifier.channels.webhook import Webhook
from services.notifier.core.message import Remarks
from services.notifier.core.plan import Purpose
from services.notifier.core.retry import Accepted
from services.notifier.core.roster import Contact, TicketFacts, WebhookWay
from services.notifier.core.wording import Told
from services.notifier.words import Words
from services.notifier.worker import Unread, read
from shared.contract.ids import delivery_id
from shared.runtime.clock import real_now
from shared.runtime.kafka import Incoming
from shared.runtime.secret import resolve
from tests.support.decisions import a_decision, calls


def notices(count: int) -> list[Notice]:
    """Return *count* notices, as the notifier would send them."""
    contact = Contact(
        "p0", "Person 0", webhook=WebhookWay(os.environ["BENCH_URL"], "env:BENCH_SECRET")
    )
    words = Words()
    made = []
    for number in range(count):
        _, value = a_decision(ticket=f"desk:{number}", notify=calls("r0"))
        decision = read(Incoming(0, 0, None, value, (), 0))
        if isinstance(decision, Unread):
            raise TypeError(decision.error)
        facts = TicketFacts()
        made.append(
            Notice(
                id=UUID(str(delivery_id(decision.id, "r0"))),
                attempt=1,
                purpose=Purpose.NOTICE,
                role="r0",
                mode="page",
                fyi=False,
                contact=contact,
                decision=decision,
                facts=facts,
                message=words.message(Told(decision, "r0", Purpose.NOTICE, fyi=False, facts=facts)),
                remarks=Remarks(),
                planned_at=decision.at,
            )
        )
    return made


async def send(count: int, at_once: int) -> None:
    """Send *count* notices, *at_once* of them at a time."""
    channel = Webhook(
        Egress((parse_allowance("http://127.0.0.1/32"),)),
        secrets=lambda text: resolve(text, os.environ),
        now=real_now,
        timeout_s=10,
    )
    left = notices(count)

    async def one_by_one() -> None:
        while left:
            outcome = await channel.send(left.pop())
            if outcome != Accepted("http 200", confirmed=True):
                msg = f"not taken: {outcome}"
                raise RuntimeError(msg)

    await asyncio.gather(*(one_by_one() for _ in range(at_once)))
    await channel.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(send(int(sys.argv[1]), int(sys.argv[2])))
