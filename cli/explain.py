"""`tierline explain`: what happened to a ticket, what comes, why not, what would have helped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from textwrap import TextWrapper
from typing import Annotated, Final
from urllib.parse import quote

import httpx2
import typer
from pydantic import ValidationError

from cli.event_file import event_file
from cli.output import WRONG_USE, AsJson, fail, print_json
from cli.time_given import time_given
from services.escalator.core.explaining import explain as explained
from services.escalator.core.simulation import Simulation
from services.escalator.core.views import NothingKnownError
from services.tracker.core.wording import plain
from shared.contract.explanations import Entry, Explanation, View
from shared.contract.sentences import clock, closed_day, moment, words
from shared.contract.times import Instant, rfc3339
from shared.policy.document import PolicyTimeline
from shared.policy.load import DEFAULT_POLICY, PolicyError, load_policy_file

TRACKER: Final = "http://127.0.0.1:8084"
"""Where `tierline up` puts the tracker."""

SHOWN: Final = 20
"""Entries of what has happened that are printed; `--json` has more."""

_COMMAND: Final = "explain"
_PATIENCE_S: Final = 30.0
_NAMED: Final = 5
_WIDTH: Final = 110


def explain(
    ticket: Annotated[
        str, typer.Argument(help="The ticket's key, source:ticket, such as desk:INC0001.")
    ],
    at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="The moment to look from; default: now, with `--events` the last event. "
            "It may lie ahead: then nothing else is heard until it.",
        ),
    ] = None,
    view: Annotated[
        View,
        typer.Option(
            help="`then`: by what had been heard at that moment, as it was really decided. "
            "`now`: by all that has been heard since, as if nothing had come late."
        ),
    ] = View.THEN,
    events: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.jsonl",
            help="Explain from a file of events as `tierline simulate` reads it, `-` for standard "
            "input, instead of asking the running system.",
        ),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With `--events`: the policy; default: the shipped one."),
    ] = None,
    tracker: Annotated[
        str,
        typer.Option(
            metavar="URL", envvar="TIERLINE_TRACKER_URL", help="Where the running tracker is."
        ),
    ] = TRACKER,
    json_output: AsJson = False,
) -> None:
    """Tell why a ticket stands where it stands: what happened by which rule, with the arithmetic.

    Then what comes next, to whom and when, if nothing else is heard; why somebody was not told; and
    what would have prevented each escalation, with the last moment at which it would have. Every
    such change was tried: the history is folded again with it, and the escalation is not there.

    The answer is the same from the running system and from a file of the same events.

    Example: `tierline explain desk:INC0001 --at 2026-03-03T10:00:00Z`

    Example: `tierline explain desk:A --events events.jsonl --view now`

    Exit codes: 0 done, 1 no such ticket (or not by then), nobody answers, or an event or the
    policy cannot be read, 2 wrong use.
    """
    moment_asked = None if at is None else time_given(_COMMAND, "--at", at)
    if events is not None:
        found = _from_file(ticket, events, policy, moment_asked, view)
    elif policy is not None:
        fail(_COMMAND, "--policy goes with --events; the system has its own", code=WRONG_USE)
    else:
        found = _from_system(ticket, tracker, moment_asked, view)
    if json_output:
        print_json(found.model_dump(mode="json"))
        return
    for line in _lines(found):
        typer.echo(line)


def _from_file(
    ticket: str, events: str, policy: Path | None, at: Instant | None, view: View
) -> Explanation:
    try:
        policies = PolicyTimeline([(Instant(0), load_policy_file(policy or DEFAULT_POLICY))])
    except PolicyError as error:
        fail(_COMMAND, str(error))
    tickets: dict[str, None] = {}
    simulation = Simulation(policies)
    with event_file(_COMMAND, events) as told:
        noted = []
        for event in told:
            tickets[event.ticket] = None
            noted.append(event)
    for _ in simulation.run(noted, at):
        pass
    try:
        return explained(ticket, simulation.history(ticket), policies, at or simulation.now, view)
    except NothingKnownError as error:
        fail(_COMMAND, _unknown(ticket, events, list(tickets), error.opened_at))


def _unknown(ticket: str, events: str, tickets: list[str], opened_at: Instant | None) -> str:
    if opened_at is not None:
        return f"nothing was known of {ticket} then; it was opened at {rfc3339(opened_at)}"
    more = "" if len(tickets) <= _NAMED else f" and {len(tickets) - _NAMED} more"
    known = f"it tells of {', '.join(tickets[:_NAMED])}{more}" if tickets else "it is empty"
    return f"{events} does not open {ticket}; {known}"


def _from_system(ticket: str, tracker: str, at: Instant | None, view: View) -> Explanation:
    url = f"{tracker.rstrip('/')}/v1/tickets/{quote(ticket, safe='')}/explain"
    asked = {"view": view.value} | ({} if at is None else {"as_of": rfc3339(at)})
    try:
        answer = httpx2.get(url, params=asked, timeout=_PATIENCE_S, trust_env=False)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        fail(
            _COMMAND,
            f"nobody answers at {tracker} ({type(error).__name__}); start `tierline up`, say where"
            " the tracker is with --tracker, or explain a file with --events",
        )
    try:
        if answer.status_code == httpx2.codes.OK:
            return Explanation.model_validate_json(answer.content)
        said = answer.json()
        fail(_COMMAND, f"{said['detail']}. {said['do']}")
    except (ValidationError, ValueError, KeyError, TypeError):
        fail(_COMMAND, f"what answers at {tracker} is no tracker: it said {answer.status_code}")


def _lines(found: Explanation) -> Iterator[str]:
    """Yield *found* as a support lead reads it."""
    yield from _wrapped(found.summary, "")
    for timer in found.timers:
        if timer.closed:
            days = "; ".join(closed_day(one.day, one.reason) for one in timer.closed)
            yield from _wrapped(f"{clock(timer.name).capitalize()}: closed on {days}.", "")
    yield ""
    known = "as known then" if found.view is View.THEN else "as known now"
    yield f"What happened, {known}"
    happened = _together(found.happened)
    left_out = found.earlier + sum(n for _, n, _ in happened[:-SHOWN])
    if left_out:
        yield f"  … {left_out} earlier entries; --json has {len(found.happened)}"
    yield from _entries(happened[-SHOWN:])
    yield ""
    yield "What happens next, if nothing else is heard"
    yield from _entries(_together(found.next)) if found.next else ["  Nothing by itself."]
    if found.not_told:
        yield ""
        yield "Why somebody was not told"
        for one in found.not_told:
            roles = ", ".join(words(role) for role in one.roles)
            yield from _wrapped(f"{roles}: {one.text}", "  ")
    if found.prevention:
        yield ""
        yield "What would have prevented it"
        for two in found.prevention:
            yield from _wrapped(f"{', '.join(two.triggers)}: {two.text}", "  ")


def _together(entries: Iterable[Entry]) -> list[tuple[Entry, int, datetime]]:
    """Return *entries*, calls that are only repeated said once: how often, and when last."""
    found: dict[object, tuple[Entry, int, datetime]] = {}
    for n, one in enumerate(entries):
        call = one.type == "escalation.notice_due"
        key = (one.escalation_id, one.triggers, one.text) if call else n
        first, times, _ = found.get(key, (one, 0, one.at))
        found[key] = (first, times + 1, one.at)
    return list(found.values())


def _entries(entries: Iterable[tuple[Entry, int, datetime]]) -> Iterator[str]:
    for one, times, last in entries:
        late = f" (heard {moment(one.received_at)})" if one.received_at else ""
        yield from _wrapped(f"{moment(one.at)}{late}  {one.text}", "  ")
        if times > 1:
            yield f"      Again {_times(times - 1)}, until {moment(last)}."
        for line in one.why:
            yield from _wrapped(line, "      ")


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _wrapped(text: str, indent: str) -> list[str]:
    wrapper = TextWrapper(_WIDTH, initial_indent=indent, subsequent_indent=f"{indent}  ")
    # What people wrote may hold what a terminal would obey.
    return wrapper.wrap(plain(text))
