"""`tierline policy apply`: a version from a file into force, and no sooner told than it is."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cli.output import AsJson, fail, print_json
from cli.person import user_here
from cli.policy.live import INTAKE, EscalatorUrls, IntakeUrl, KeyFile, Live, LiveError, live
from cli.policy.shown import tell_difference, tell_report
from cli.policy.sources import checked, policy_from
from cli.policy.times import At, moment
from cli.steps import Steps
from shared.contract.times import Instant, instant, rfc3339
from shared.policy.difference import Difference, difference
from shared.policy.document import Policy
from shared.policy.load import PolicyError
from shared.policy.succession import Activated, RefusedActivationError, is_activated
from shared.runtime.clock import monotonic

_COMMAND: Final = "policy apply"
_LOOK_S: Final = 0.2


class UnheardError(Exception):
    """Not every escalator has the version in time; the message says what to look at."""


def activate(  # noqa: PLR0913, PLR0917  one parameter for each option
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The policy file.")],
    at: At = None,
    note: Annotated[
        str | None, typer.Option("--note", metavar="TEXT", help="Why, for the history.")
    ] = None,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="NAME", help="Who activates it. [default: the user here]"),
    ] = None,
    within_s: Annotated[
        float,
        typer.Option("--within", metavar="SECONDS", min=1, help="Wait so long for escalators."),
    ] = 60,
    intake: IntakeUrl = INTAKE,
    escalators: EscalatorUrls = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Check a policy, show what it changes, activate it, and wait until it is decided by.

    Nothing is restarted. It holds from now on or from --at; open cases follow its internal rules,
    with the grace, and keep what their customers were promised. Refused are a file with errors, a
    number that is taken by other rules or lower than the newest, and a time that is past. The same
    file again changes nothing and is no error.

    Example: `tierline policy apply mine.yaml --at 2026-03-09T08:00:00+01:00 --note "Faster P3"`

    Exit codes: 0 every escalator has it, 1 it is refused or a service does not answer, 2 wrong use.
    """
    wanted = moment(_COMMAND, at)
    report = checked(file)
    if report.policy is None:
        if as_json:
            print_json({"applied": False, **report.document()})
        else:
            tell_report(file, report)
        raise typer.Exit(1)
    if report.warnings and not as_json:
        tell_report(file, report)
    query = {"by": by or user_here(), "note": note or ""}
    if wanted is not None:
        query["active_from"] = wanted.isoformat()
    try:
        with live(escalators, intake, key_file) as system, Steps() as steps:
            steps.tell("asking which versions there are")
            repeated = _is_known(_history_of_all(system), report.policy, wanted)
            found = difference(_predecessor(system, report.policy), report.policy)
            if not repeated and not as_json:
                tell_difference(found)
            if not repeated:
                steps.tell(f"activating version {report.policy.version}")
                given = {key: text for key, text in query.items() if text}
                system.activate(report.policy.text, given)
            steps.tell("waiting until every escalator has it")
            held = _until_held(system, report.policy, within_s)
    except (LiveError, PolicyError, RefusedActivationError, UnheardError) as error:
        fail(_COMMAND, str(error))
    _tell(report.policy, held, found, repeated=repeated, as_json=as_json)


def _tell(
    policy: Policy, held: Mapping[str, Any], found: Difference, *, repeated: bool, as_json: bool
) -> None:
    begins = rfc3339(_moment_of(held["active_from"]))
    if as_json:
        named = {**policy.reference, "active_from": begins}
        print_json(
            {"applied": True, "repeated": repeated, **named, "changes": found.document()["changes"]}
        )
    elif repeated:
        typer.echo(f"Version {policy.version} was activated before; it holds from {begins} on.")
    else:
        typer.echo(f"\nVersion {policy.version} ({policy.digest[:12]}) holds from {begins} on.")


def _history_of_all(system: Live) -> list[dict[str, Any]]:
    return [system.history(url) for url in system.escalators]


def _is_known(histories: list[dict[str, Any]], policy: Policy, wanted: datetime | None) -> bool:
    """Return whether every history of *histories* has *policy*.

    Raises:
        RefusedActivationError: It cannot follow what is there.
    """
    at = None if wanted is None else instant(wanted)
    # All are asked, so that none refuses only afterwards.
    known = [is_activated(policy, at, _moment_of(one["at"]), _activated(one)) for one in histories]
    return all(known)


def _activated(history: Mapping[str, Any]) -> list[Activated]:
    return [
        Activated(
            one["version"],
            one["digest"],
            _moment_of(one["active_from"]),
            _moment_of(one["asked_for"] or one["active_from"]),
        )
        for one in history["policies"]
    ]


def _predecessor(system: Live, policy: Policy) -> Policy:
    """Return the newest version below *policy*, or itself where it is the first."""
    numbers = [one["version"] for one in system.history()["policies"]]
    before = max((number for number in numbers if number < policy.version), default=None)
    return policy if before is None else policy_from(str(before), system)


def _until_held(system: Live, policy: Policy, within_s: float) -> Mapping[str, Any]:
    """Return *policy* as the escalators have it, once all of them do.

    Raises:
        RefusedActivationError: One has other rules under its number.
        UnheardError: One has not got it in time.
    """
    for _ in _looks(within_s):
        histories = _history_of_all(system)
        if _is_known_or_awaited(histories, policy):
            return max(
                (one for history in histories for one in _of(history, policy)),
                key=lambda one: _moment_of(one["active_from"]),
            )
    msg = (
        f"intake has taken version {policy.version} in, but after {within_s:g} s not every escalator"
        " has it. See whether they run and read their topics (/health/ready, and the log for"
        " `policy refused`); the same command again goes on waiting"
    )
    raise UnheardError(msg)


def _of(history: Mapping[str, Any], policy: Policy) -> list[Mapping[str, Any]]:
    return [one for one in history["policies"] if one["version"] == policy.version]


def _is_known_or_awaited(histories: list[dict[str, Any]], policy: Policy) -> bool:
    """Return whether all have *policy*; those that have not yet may take their time."""
    having = [one for one in histories if _of(one, policy)]
    return _is_known(having, policy, None) and len(having) == len(histories)


def _looks(within_s: float) -> Iterator[None]:
    """Yield at once, and then every moment until *within_s* seconds are over."""
    end = monotonic() + within_s
    yield
    while monotonic() < end:
        time.sleep(_LOOK_S)
        yield


def _moment_of(text: str) -> Instant:
    return instant(datetime.fromisoformat(text))
