"""One far side of ten that hangs holds up none of the other nine."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from tests.support.decisions import a_decision, calls
from tests.support.http_peer import Answer, Request, http_peer
from tests.support.notifier_desk import Desk

PEERS = 10
EACH = 30


async def test_nine_receivers_hear_everything_while_the_tenth_hangs_on_its_first_request(
    desk: Desk, tmp_path: Path
) -> None:
    over = asyncio.Event()

    async def hang(_: Request) -> Answer:
        await over.wait()
        return Answer(200)

    async with AsyncExitStack() as stack:
        dead = await stack.enter_async_context(http_peer(hang))
        well = [await stack.enter_async_context(http_peer()) for _ in range(PEERS - 1)]
        people = [
            f"  p{n}: {{name: P{n}, webhook: {{url: '{one.url}', secret: 'env:CLEO_SECRET'}}}}"
            for n, one in enumerate([dead, *well])
        ]
        roles = [f"  r{n}: p{n}" for n in range(PEERS)]
        head = ["roster: {name: test, version: 1}", "modes: {page: [webhook]}", "people:"]
        roster = tmp_path / "ten.yaml"
        roster.write_text("\n".join([*head, *people, "roles:", *roles, ""]), encoding="utf-8")
        # The longest there is: whatever comes before it is over came while the first attempt still hung.
        given = {"NOTIFIER_ROSTER_FILE": str(roster), "NOTIFIER_SEND_DEADLINE": "PT15S"}
        async with desk.notifier(**given):
            await desk.ledger.decide(
                a_decision(ticket="desk:first", escalation_id="f", notify=calls("r0"))
            )
            await dead.until_got(1)
            everybody = calls(*(f"r{n}" for n in range(PEERS)))
            await desk.ledger.decide(
                *(
                    a_decision(ticket=f"desk:{n}", escalation_id=f"e{n}", notify=everybody)
                    for n in range(EACH)
                )
            )
            async with asyncio.timeout(14):
                await asyncio.gather(*(one.until_got(EACH) for one in well))
            answered = await desk.ledger.rows(
                "SELECT count(*) FROM attempt a JOIN delivery d ON d.id = a.delivery_id"
                " WHERE d.person = 'p0' AND a.ended_at IS NOT NULL"
            )
            assert answered[0][0] == 0
            over.set()
            await desk.ledger.until_finished(EACH * PEERS + 1)
        assert [len(one.got) for one in well] == [EACH] * (PEERS - 1)
