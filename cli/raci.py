"""`tierline raci`: who is responsible, accountable, consulted, informed, and acts beyond that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from cli.event_file import event_file
from cli.output import AsJson, fail, print_json, show
from services.escalator.core.simulation import Simulation
from services.escalator.core.wire import encode_decision
from services.notifier.core.roster import Roster, TicketFacts
from services.notifier.roster_file import RosterError, load_roster_file
from shared.contract.decisions import decode_decision
from shared.contract.sentences import words
from shared.contract.times import Instant, rfc3339
from shared.policy.document import Policy, PolicyTimeline
from shared.policy.load import DEFAULT_POLICY, PolicyError, load_policy_file
from shared.policy.responsibility import Beyond, OutsideRole, accountable_role, outside_role
from shared.runtime.clock import real_now

_COMMAND: Final = "raci"
_ROSTER: Final = Path(__file__).parents[1] / "deploy" / "roster" / "default.yaml"
_SAID: Final = {
    Beyond.REFUSED: "the engine refused it",
    Beyond.UNKNOWN_ROLE: "the policy has no such role",
    Beyond.NOT_ASKED: "the department was not asked on this case",
    Beyond.SPOKE_FOR_SUPPORT: "support is the one voice to customers",
    Beyond.COMMANDER_REPAIRED: "a commander decides and does not repair",
    Beyond.EXECUTIVE_DIRECTED: "executives decide what is asked and do not direct the work",
}


def raci(
    policy: Annotated[
        Path, typer.Option("--policy", metavar="FILE", help="The policy; default: the shipped one.")
    ] = DEFAULT_POLICY,
    roster: Annotated[
        Path, typer.Option("--roster", metavar="FILE", help="Who stands behind the roles.")
    ] = _ROSTER,
    acts: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.jsonl",
            help="Instead: find the acts beyond a role in a file of events, as `tierline simulate`"
            " reads it; `-` reads standard input.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show for each activity who is responsible, accountable, consulted and informed.

    The table is the policy's, the person who is accountable the roster's: whoever leads that part
    just now. An activity for which that is nobody is told. `tierline policy check` refuses a policy
    in which an activity has not exactly one part accountable and somebody responsible. With `--acts`
    the events of a file are played through the engine, and every act outside somebody's role is
    shown to the reviewer.

    Example: `tierline raci`

    Example: `tierline raci --acts events.jsonl --json`

    Exit codes: 0 shown, 1 an activity has no accountable person (with `--acts`: an act was outside
    a role), or a file cannot be used, 2 wrong use.
    """
    try:
        rules, people = load_policy_file(policy), load_roster_file(roster)
    except (PolicyError, RosterError) as error:
        fail(_COMMAND, str(error))
    if acts is not None:
        _tell_acts(acts, rules, as_json=as_json)
        return
    table: dict[str, dict[str, str]] = rules.file.raci.model_dump()
    accountable = {step: _accountable(step, rules, people) for step in table}
    if as_json:
        print_json({"policy": dict(rules.reference), "accountable": accountable, "steps": table})
    else:
        _tell_table(table, accountable, rules)
    if None in accountable.values():
        raise typer.Exit(1)


def _accountable(step: str, policy: Policy, people: Roster) -> str | None:
    role = accountable_role(step, policy)
    if role is None:
        return None
    contact = people.seated(role, tier=1, facts=TicketFacts(), at=real_now())
    return None if contact is None else contact.name


def _tell_table(
    table: Mapping[str, Mapping[str, str]], accountable: Mapping[str, str | None], policy: Policy
) -> None:
    shown = Table()
    shown.add_column("activity")
    for part in next(iter(table.values())):
        shown.add_column(part, justify="center")
    shown.add_column("accountable")
    for step, row in table.items():
        shown.add_row(words(step), *row.values(), accountable[step] or "nobody")
    show(shown)
    typer.echo("R responsible, A accountable, C consulted, I informed; CS is customer support.")
    typer.echo("A department asked to act on one case is consulted on that case.")
    for step, person in accountable.items():
        if person is None:
            role = accountable_role(step, policy) or "the head of its department"
            typer.echo(
                f"{words(step)}: nobody is accountable, since nobody holds {role}; name somebody"
                " in the roster"
            )


def _tell_acts(file: str, policy: Policy, *, as_json: bool) -> None:
    with event_file(_COMMAND, file) as told:
        events = list(told)
    simulation = Simulation(PolicyTimeline([(Instant(0), policy)]))
    decisions = [decode_decision(encode_decision(one)) for one in simulation.run(events)]
    found = list(outside_role(events, decisions, policy))
    if as_json:
        print_json({"events": len(events), "outside_role": [_plain(one) for one in found]})
    else:
        _tell_found(found, len(events))
    if found:
        raise typer.Exit(1)


def _tell_found(found: Sequence[OutsideRole], events: int) -> None:
    for one in found:
        who = f"{one.by} as {words(one.role)}" if one.by else words(one.role)
        letter = f" ({one.letter} for {words(one.step)})" if one.letter else ""
        typer.echo(
            f"{rfc3339(one.at)} {one.ticket}: {one.act} by {who}{letter}: {_SAID[one.beyond]}"
        )
    typer.echo(f"{len(found)} of {events} events went beyond a role")


def _plain(one: OutsideRole) -> dict[str, Any]:
    return {**one._asdict(), "at": rfc3339(one.at), "beyond": one.beyond.value}
