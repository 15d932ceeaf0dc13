"""A role-play on paper and at a terminal: its story, what happens, and the marks with reasons."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from textwrap import TextWrapper
from typing import Any, Final

import typer

from services.escalator.core.roleplay.called import Called, called
from services.escalator.core.roleplay.offsets import told
from services.escalator.core.roleplay.scoring import Item, Score
from services.escalator.core.roleplay.shape import Scenario
from services.escalator.core.roleplay.stage import SOURCE, Stage
from services.escalator.core.roleplay.transcript import Entry
from services.notifier.core.roster import Roster, TicketFacts
from services.tracker.core.wording import plain
from shared.contract.sentences import sentence, words
from shared.contract.times import as_datetime, rfc3339
from shared.policy.document import Policy

_WIDTH: Final = 110
_QUIET: Final = frozenset({"timer.met", "group.joined", "timer.warned"})
"""Decisions that a trainee is not interrupted for."""


def lines_of(scenario: Scenario, entries: Iterable[Entry]) -> Iterator[str]:
    """Yield what *entries* say, as a trainee reads it; a crowd's members are not told one by one."""
    for one in entries:
        text = _line(scenario, one)
        if text:
            yield from wrapped(f"{told(one.at - scenario.start):>9}  {text}", " " * 11)


def _line(scenario: Scenario, one: Entry) -> str:
    match one.kind:
        case "happened":
            said = f" “{one.text}”" if one.text and one.text != one.data.get("show") else ""
            where = f"[{one.data['room']}] " if "room" in one.data else ""
            who = f"{words(one.seat)}: " if one.seat else ""
            return f"{where}{one.data.get('show') or who + words(one.name)}{said}"
        case "act":
            refused = f" — refused: {words(one.refused)}" if one.refused else ""
            said = f" “{one.text}”" if one.text else ""
            return f"{words(one.seat)}: {words(one.name)}{said}{refused}"
        case _:
            crowd = one.ticket is not None and one.ticket.startswith(f"{SOURCE}:{scenario.ticket}-")
            if crowd or one.name in _QUIET:
                return ""
            return f"  engine: {sentence(one.name, one.data)}"


def calls_of(scenario: Scenario, entries: Iterable[Entry], roster: Roster) -> list[dict[str, Any]]:
    """Return whom the notices of *entries* would have reached, by *roster*."""
    return [_call(scenario, one, roster) for one in called(entries)]


def _call(scenario: Scenario, one: Called, roster: Roster) -> dict[str, Any]:
    contact = roster.seated(one.role, tier=one.tier, facts=TicketFacts(), at=as_datetime(one.at))
    ways = () if contact is None else roster.ways(contact, one.mode)
    return {
        "at": told(one.at - scenario.start),
        "role": one.role,
        "mode": one.mode,
        "fyi": one.fyi,
        "ticket": one.ticket,
        "person": None if contact is None else contact.name,
        "channel": next(iter(ways), None),
    }


def tell_score(scenario: Scenario, score: Score) -> None:
    """Print the marks, item by item, with the reason for each, and the debrief."""
    verdict = "passed" if score.passed else "not passed"
    typer.echo(f"\n{scenario.id} {scenario.title}: {score.points:g} of 100 points, {verdict}")
    for one in score.expected:
        mark = f"{one.points:>5g} of {one.of:<3}"
        judge = " [for the trainer to confirm]" if one.judge else ""
        _tell_item(one, f"{mark} {one.seat}: {one.what}{judge}")
    for one in score.forbidden:
        if one.points:
            _tell_item(
                one, f"{one.points:>5g}        {one.what}{' [critical]' if one.critical else ''}"
            )
    typer.echo("\nTo speak about afterwards")
    for question in scenario.debrief:
        typer.echo(f"  {question}")


def _tell_item(one: Item, head: str) -> None:
    for line in wrapped(head, " " * 13):
        typer.echo(line)
    typer.echo(f"             {plain(one.reason)}")
    if one.points < one.of:
        for line in wrapped(f"             Why: {one.why} Handbook: {one.page}", " " * 13):
            typer.echo(line)


def result(
    stage: Stage, score: Score, policy: Policy, seats: Sequence[str], roster: Roster
) -> dict[str, Any]:
    """Return a finished run as JSON: marks, whom it would have called, and the transcript."""
    scenario = stage.scenario
    return {
        "roleplay": scenario.id,
        "title": scenario.title,
        "policy": dict(policy.reference),
        "seats": list(seats),
        "points": score.points,
        "passed": score.passed,
        "lost": dict(score.lost),
        "expected": [asdict(one) for one in score.expected],
        "forbidden": [asdict(one) for one in score.forbidden],
        "would_have_called": calls_of(scenario, stage.transcript, roster),
        "transcript": [
            {
                "at": rfc3339(one.at),
                "offset": told(one.at - scenario.start),
                "kind": one.kind,
                "name": one.name,
                "seat": one.seat,
                "ticket": one.ticket,
                "text": one.text,
                "refused": one.refused,
            }
            for one in stage.transcript
            if one.kind != "decision" or _line(scenario, one)
        ],
        "debrief": list(scenario.debrief),
    }


def tell_scenario(scenario: Scenario) -> None:
    """Print everything that a trainer has to know of *scenario*."""
    typer.echo(f"{scenario.id} {scenario.title} (level {scenario.level})")
    typer.echo(f"Teaches: {', '.join(scenario.teaches)}")
    typer.echo(f"Seats: {', '.join(scenario.seats)}; starts {rfc3339(scenario.start)}\n")
    for line in wrapped(scenario.story.strip(), ""):
        typer.echo(line)
    typer.echo("\nWhat happens by itself")
    for one in scenario.inject:
        if one.show:
            typer.echo(f"  {told(one.at):>9}  {one.show}")
    typer.echo("\nWhat is expected")
    for two in scenario.expect:
        head = f"  by {told(two.by):>7}  {two.points:>3}  {two.seat}: {two.what}"
        for line in [*wrapped(head, " " * 19), *wrapped(" " * 19 + two.why, " " * 19)]:
            typer.echo(line)
    typer.echo("\nWhat nobody may do")
    for three in scenario.never:
        mark = " [critical]" if three.critical else ""
        head = f"             {-three.points:>3}  {three.what}{mark}"
        for line in [*wrapped(head, " " * 19), *wrapped(" " * 19 + three.why, " " * 19)]:
            typer.echo(line)


def wrapped(text: str, indent: str) -> list[str]:
    """Return *text* in lines that fit a terminal; what people wrote cannot command it."""
    lead = len(text) - len(text.lstrip())
    wrapper = TextWrapper(_WIDTH, initial_indent=text[:lead], subsequent_indent=indent)
    return wrapper.wrap(plain(text[lead:]))
