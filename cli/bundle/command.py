"""`tierline bundle`: export one case, replay it elsewhere, make the key that signs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic_core import from_json, to_json
from typer.core import TyperGroup
from typing_extensions import override

from cli.bundle.content import (
    Bundle,
    UnusableBundleError,
    differences,
    gathered,
    read_bundle,
    replayed,
)
from cli.bundle.pseudonyms import Pseudonyms
from cli.bundle.signing import SignatureError, new_key, signed, verified
from cli.decision_file import decision_file
from cli.event_file import event_file
from cli.log_of_record import (
    file_policies,
    live_decisions,
    live_events,
    live_policies,
    settings,
)
from cli.output import WRONG_USE, AsJson, fail, print_json
from cli.time_given import time_given
from services.escalator.core.simulation import Simulation
from services.escalator.core.wire import encode_decision
from shared.contract.decisions import DecisionEvent, decode_decision
from shared.contract.events import TicketEvent
from shared.contract.sentences import counted
from shared.contract.times import Instant, instant
from shared.policy.document import PolicyTimeline
from shared.runtime.files import why_unreadable

_EXPORT = "export"
_SHOWN = 10


class TicketOrWord(TyperGroup):
    """Takes a ticket where a word is expected: `bundle desk:INC1` is `bundle export desk:INC1`."""

    @override
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            args = [_EXPORT, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    name="bundle",
    cls=TicketOrWord,
    help="One case in one signed file: its events, policies with their calendars, and decisions."
    "\n\n`tierline bundle TICKET --out FILE --key KEY` writes it, `tierline bundle replay FILE`"
    " decides it again anywhere and compares.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
)


@app.command(_EXPORT)
def export(  # noqa: PLR0913, PLR0917  where a case comes from has many names
    ticket: Annotated[str, typer.Argument(metavar="TICKET", help="The key, as desk:INC42.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Where it goes.")],
    key: Annotated[Path, typer.Option(metavar="FILE", help="The private key that signs it.")],
    events: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Events, one JSON a line; default: the log in Kafka."),
    ] = None,
    decisions: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Decisions; default with --events: made anew."),
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The policy; default: the shipped one.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Play up to TIME; default: the last of all.")
    ] = None,
    anonymous: Annotated[
        bool, typer.Option("--anonymous", help="Give people pseudonyms and take their texts out.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Export one case as a signed file, with every ticket that it was merged or grouped with.

    Before it is written it is replayed; what the replay decides otherwise is said, and is in the
    file as it was recorded. With --anonymous each person and customer has one pseudonym throughout,
    and what people wrote is gone; ids of tickets, products and teams of the policy stay.

    Exit codes: 0 written, 1 the case cannot be exported or replays to something else, 2 wrong use.
    """
    told, decided, policies = _material(events, decisions, policy)
    end = _until(until, told, decided)
    if decided is None:
        decided = [
            decode_decision(encode_decision(one)) for one in Simulation(policies).run(told, end)
        ]
    try:
        bundle = gathered(ticket, told, decided, policies, end)
        if anonymous:
            bundle = without_names(bundle)
        found = differences(bundle.decisions, replayed(bundle))
        whole = signed(bundle.document(), key)
        out.write_bytes(to_json(whole) + b"\n")
    except (UnusableBundleError, SignatureError) as error:
        fail("bundle", str(error))
    except OSError as error:
        fail("bundle", f"cannot write {out}: {error.strerror}", code=WRONG_USE)
    _tell(bundle, found, f"written to {out}", as_json=as_json)


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A bundle.")],
    trust: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The public key that must have signed it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Verify a bundle, decide it again with the engine of this installation, and compare.

    Without --trust only that it is whole is verified, by the key that it names itself.

    Exit codes: 0 the same decisions, 1 others, or not signed so, 2 the file cannot be read.
    """
    try:
        whole = from_json(file.read_bytes())
    except OSError as error:
        fail("bundle replay", f"cannot read {file}: {why_unreadable(error)}", code=WRONG_USE)
    except ValueError:
        fail("bundle replay", f"{file} is no bundle: it is not JSON", code=WRONG_USE)
    if not isinstance(whole, dict):
        fail("bundle replay", f"{file} is no signed bundle")
    try:
        document, signer = verified(whole, trust)
        bundle = read_bundle(document)
        found = differences(bundle.decisions, replayed(bundle))
    except (SignatureError, UnusableBundleError) as error:
        fail("bundle replay", f"{file}: {error}")
    by = "the trusted key" if trust is not None else f"key {signer}, which nobody vouches for"
    _tell(bundle, found, f"signed by {by}", as_json=as_json)


@app.command("key")
def make_key(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The private key; FILE.pub beside.")],
    as_json: AsJson = False,
) -> None:
    """Make a key to sign bundles with: FILE stays here, FILE.pub goes to whoever replays.

    Exit codes: 0 made, 1 there is such a file, or it cannot be written.
    """
    try:
        public = new_key(file)
    except SignatureError as error:
        fail("bundle key", str(error))
    if as_json:
        print_json({"private": str(file), "public": str(public)})
    else:
        typer.echo(f"{file} signs; give {public} to whoever replays.")


def without_names(bundle: Bundle) -> Bundle:
    """Return *bundle* with a pseudonym for each person and customer, and without texts."""
    names = Pseudonyms()
    events = [names.event(one) for one in bundle.events]
    decisions = [names.known(one) for one in bundle.decisions]
    return Bundle(bundle.ticket, bundle.until, bundle.policies, events, decisions, anonymous=True)


def _material(
    events: Path | None, decisions: Path | None, policy: Path | None
) -> tuple[list[TicketEvent], list[DecisionEvent] | None, PolicyTimeline]:
    if events is not None:
        with event_file("bundle", str(events)) as told:
            listed = list(told)
        known = None if decisions is None else list(decision_file("bundle", decisions))
        return listed, known, file_policies("bundle", policy)
    if decisions is not None:
        fail("bundle", "--decisions goes with --events", code=WRONG_USE)
    where = settings("bundle")
    return (
        live_events("bundle", where),
        live_decisions("bundle", where),
        live_policies("bundle", where, policy),
    )


def _until(
    text: str | None, events: list[TicketEvent], decisions: list[DecisionEvent] | None
) -> Instant:
    if text is not None:
        return time_given("bundle", "--until", text)
    times = [instant(one.receivedat or one.time) for one in events]
    times += [instant(one.time) for one in decisions or ()]
    return max(times, default=Instant(0))


def _tell(bundle: Bundle, found: list[str], how: str, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "ticket": bundle.ticket,
                "anonymous": bundle.anonymous,
                "events": len(bundle.events),
                "decisions": len(bundle.decisions),
                "same": not found,
                "differences": found,
            }
        )
    else:
        events = counted(len(bundle.events), "event")
        decisions = counted(len(bundle.decisions), "decision")
        typer.echo(f"{bundle.ticket}: {events}, {decisions}, {how}.")
        for one in found[:_SHOWN]:
            typer.echo(f"  {one}")
        typer.echo(
            "It replays to the same decisions."
            if not found
            else f"It replays otherwise in {counted(len(found), 'place')}."
        )
    if found:
        raise typer.Exit(1)
