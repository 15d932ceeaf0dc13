"""A digest in Slack: every ticket in it can be reached, within what Slack takes."""

import json

from services.notifier.core.allot import DIGEST_AT_MOST
from services.notifier.core.message import Message
from services.notifier.core.slack import MOST_BLOCKS, SECTION, Blocks, digest_blocks
from services.notifier.words import Words
from services.notifier.worker import Unread, read
from shared.runtime.kafka import Incoming
from tests.support.decisions import a_decision

BOARD = "https://board.example.org"


def written(tickets: list[str]) -> Message:
    """Return the digest that a notifier with a board writes about *tickets*."""
    parts = []
    for ticket in tickets:
        found = read(Incoming(0, 0, None, a_decision(ticket=ticket)[1], (), 0))
        assert not isinstance(found, Unread)
        parts.append((found, f"[P2] {ticket}: it was escalated to tier 2", True))
    return Words(public_url=BOARD).digest(parts)


def fits(blocks: Blocks) -> bool:
    texts = [block["text"]["text"] for block in blocks if block["type"] == "section"]
    return len(blocks) <= MOST_BLOCKS and all(0 < len(text) <= SECTION for text in texts)


def test_the_largest_digest_names_every_ticket_and_links_to_the_board() -> None:
    tickets = [f"servicenow-emea:INC{number:010}" for number in range(DIGEST_AT_MOST)]
    blocks = digest_blocks(written(tickets), tickets)
    shown = json.dumps(blocks)
    assert fits(blocks)
    assert [ticket for ticket in tickets if ticket not in shown] == []
    assert f"<{BOARD}|The board>" in shown


def test_what_no_longer_fits_is_counted_and_found_on_the_board() -> None:
    tickets = [f"desk:{'long' * 20}{number}" for number in range(DIGEST_AT_MOST)]
    blocks = digest_blocks(written(tickets), tickets)
    shown = json.dumps(blocks, ensure_ascii=False)
    named = sum(ticket in shown for ticket in tickets)
    assert fits(blocks)
    assert 1000 < named < DIGEST_AT_MOST
    assert f"… {DIGEST_AT_MOST - named} more" in shown
    assert f"<{BOARD}|The board>" in shown
