"""Far sides that hang hold up none of the others."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.support.decisions import a_decision, calls
from tests.support.http_peer import Answer, Request, http_peer
from tests.support.notifier_desk import Desk

WELL = 9
EACH = 30


@pytest.mark.parametrize("hanging", [1, 8])
async def test_nine_receivers_hear_everything_while_others_hang_on_their_first_request(
    desk: Desk, tmp_path: Path, hanging: int
) -> None:
    over = asyncio.Event()

    async def hang(_: Request) -> Answer:
        await over.wait()
        return Answer(200)

    async with AsyncExitStack() as stack:
        dead = [await stack.enter_async_context(http_peer(hang)) for _ in range(hanging)]
        well = [await stack.enter_async_context(http_peer()) for _ in range(WELL)]
        people = [
            f"  p{n}: {{name: P{n}, webhook: {{url: '{one.url}', secret: 'env:CLEO_SECRET'}}}}"
            for n, one in enumerate([*dead, *well])
        ]
        roles = [f"  r{n}: p{n}" for n in range(len(people))]
        head = ["roster: {name: test, version: 1}", "modes: {page: [webhook]}", "people:"]
        roster = tmp_path / "ten.yaml"
        roster.write_text("\n".join([*head, *people, "roles:", *roles, ""]), encoding="utf-8")
        # The longest there is: whatever comes before it is over came while the first attempts still hung.
        given = {"NOTIFIER_ROSTER_FILE": str(roster), "NOTIFIER_SEND_DEADLINE": "PT15S"}
        async with desk.notifier(**given):
            everybody = calls(*(f"r{n}" for n in range(len(people))))
            await desk.ledger.decide(
                *(
                    a_decision(ticket=f"desk:{n}", escalation_id=f"e{n}", notify=everybody)
                    for n in range(EACH)
                )
            )
            await asyncio.gather(*(one.until_got(1) for one in dead))
            async with asyncio.timeout(14):
                await asyncio.gather(*(one.until_got(EACH) for one in well))
            answered = await desk.ledger.rows(
                "SELECT count(*) FROM attempt a JOIN delivery d ON d.id = a.delivery_id"
                " WHERE d.person = ANY($1) AND a.ended_at IS NOT NULL",
                [f"p{n}" for n in range(hanging)],
            )
            assert answered[0][0] == 0
            over.set()
            await desk.ledger.until_finished(EACH * len(people))
        assert [len(one.got) for one in well] == [EACH] * WELL
