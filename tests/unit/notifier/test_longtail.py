"""apprise looks names up by itself; wherever that leads, no connection goes into the own network."""

from __future__ import annotations

from uuid import UUID

from pydantic import SecretStr

from services.notifier.channels.base import Notice
from services.notifier.channels.egress import Egress, parse_allowance
from services.notifier.channels.longtail import LongTail
from services.notifier.core.message import Message, Remarks
from services.notifier.core.plan import Purpose
from services.notifier.core.retry import Accepted, Outcome, Refused
from services.notifier.core.roster import Contact, TicketFacts
from tests.support.http_peer import Peer, http_peer
from tests.unit.notifier.builders import NOON, a_decision

TOKEN = "3ccdd113474722377935511fc85d3dd4"  # noqa: S105  nobody's


async def rebinding(_host: str, _port: int) -> list[str]:
    """Answer once with a public address; whoever asks the system is told another."""
    return ["93.184.216.34"]


async def sent(peer: Peer, allow: tuple[str, ...], *, more: str = "") -> Outcome:
    """Send to a name that is public when it is checked and leads to *peer* when it is called."""
    egress = Egress(tuple(parse_allowance(one) for one in allow), resolve=rebinding)
    address = f"mmost://localhost:{peer.port}/{TOKEN}{more}"
    channel = LongTail(egress, allow=("mmost",), secrets=lambda _: SecretStr(address))
    return await channel.send(
        Notice(
            id=UUID(int=5),
            attempt=1,
            purpose=Purpose.NOTICE,
            role="t2_oncall",
            mode="page",
            fyi=False,
            contact=Contact("ana", "Ana Abel", addresses={"apprise": "env:X"}),
            decision=a_decision(),
            facts=TicketFacts(),
            message=Message("Totals differ", ("It was escalated.",)),
            remarks=Remarks(),
            planned_at=NOON,
        )
    )


async def test_a_name_that_answers_otherwise_the_second_time_is_not_called() -> None:
    async with http_peer() as canary:
        outcome = await sent(canary, ("http://93.184.216.34",))
    assert outcome == Refused("forbidden_destination: it leads into a closed range of addresses")
    assert canary.got == []


async def test_neither_is_it_from_another_thread_of_apprise() -> None:
    async with http_peer() as canary:
        outcome = await sent(canary, ("http://93.184.216.34",), more="?retry=1")
    assert isinstance(outcome, Refused)
    assert canary.got == []


async def test_where_an_operator_lets_it_lead_it_is_called() -> None:
    async with http_peer() as chat:
        outcome = await sent(chat, ("http://93.184.216.34", "http://127.0.0.1"))
    assert isinstance(outcome, Accepted)
    assert "It was escalated." in chat.got[0].json()["text"]
