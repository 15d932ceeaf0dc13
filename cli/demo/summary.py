"""What the demo says at its end: what happened, how promises were kept, and the proof."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from cli.demo.audit import Verdict
from cli.demo.feed import Feed
from cli.demo.figures import Figures
from shared.contract.reasons import TRIGGERS

_MADE_SLA: Final = "made_sla"
_OVER: Final = frozenset({"resolved", "closed"})


@dataclass(frozen=True, slots=True)
class DeskVerdict:
    """The desk's own verdict on what it had resolved by the end of the run.

    Attributes:
        resolved: Tickets that were resolved or closed by then.
        kept: Those that the desk's rows then said had kept its service level.
    """

    resolved: int
    kept: int


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything that the demo has to say.

    Attributes:
        figures: What the services counted.
        desk: The desk's own verdict.
        mails: Messages that came to people.
        acknowledgements: Messages that they answered.
        verdicts: The proof.
    """

    figures: Figures
    desk: DeskVerdict
    mails: int
    acknowledgements: int
    verdicts: tuple[Verdict, ...]

    @property
    def held(self) -> bool:
        """Whether every promise of the proof held."""
        return all(verdict.held for verdict in self.verdicts)

    def plain(self) -> dict[str, Any]:
        """Return it in plain values."""
        return {
            **asdict(self.figures),
            "desk": asdict(self.desk),
            "mails": self.mails,
            "acknowledgements": self.acknowledgements,
            "held": self.held,
            "verdicts": [asdict(one) | {"held": one.held} for one in self.verdicts],
        }


def desk_verdict(feed: Feed) -> DeskVerdict:
    """Return what the desk's rows, as far as they were posted, say of its own service level."""
    over = [data for data in feed.latest.values() if data.get("status") in _OVER]
    kept = [data for data in over if data.get(_MADE_SLA) == "TRUE"]
    return DeskVerdict(len(over), len(kept))


def show(summary: Summary, console: Console) -> None:
    """Print *summary* for people."""
    figures, desk = summary.figures, summary.desk
    console.print("\n[bold]What happened[/bold]")
    rows = {
        "tickets": f"{figures.total:,}, {figures.open:,} of them open: {_tiers(figures.tiers)}",
        "events, decisions": f"{figures.events:,}, {figures.decisions:,}"
        f" ({figures.late:,} made more than a real second late)",
        "notices": ", ".join(f"{count:,} {state}" for state, count in figures.notices.items()),
        "suppressed since": _reasons(figures.suppressed),
        "mail": f"{summary.mails:,} messages, {summary.acknowledgements:,} acknowledgements",
    }
    for name, text in rows.items():
        console.print(f"  {name:<18} {text}", markup=False, soft_wrap=True)
    console.print(f"\n[bold]Escalations by trigger[/bold] ({figures.raised:,} raised)")
    console.print(_by_trigger(figures.triggers))
    console.print("\n[bold]Promises[/bold]")
    for name, one in figures.promises.items():
        ended = one["met"] + one["breached"]
        if ended:
            share = f"{one['met'] / ended:.0%} kept"
            words = name.replace("_", " ")
            console.print(
                f"  {words:<18} {one['met']:,} kept, {one['breached']:,} broken ({share})",
                soft_wrap=True,
            )
    if desk.resolved:
        console.print(
            f"  [dim]The desk's own verdict (made_sla) on the {desk.resolved:,} tickets that it had"
            f" resolved: {desk.kept:,} in time ({desk.kept / desk.resolved:.0%}). It is another"
            " promise than ours: its rules are not in the log.[/dim]",
            soft_wrap=True,
        )
    console.print("\n[bold]Proof[/bold]")
    for verdict in summary.verdicts:
        sign = "[green]✓[/green]" if verdict.held else "[red]✗[/red]"
        console.print(f"  {sign} {verdict.promise} ({verdict.checked:,} checked)", soft_wrap=True)
        for flaw in verdict.broken:
            console.print(f"      {flaw}", markup=False, soft_wrap=True)


def _tiers(tiers: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} in tier {tier}" for tier, count in sorted(tiers.items()))


def _most_first(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))


def _reasons(reasons: Mapping[str, int]) -> str:
    named = (f"{name.replace('_', ' ')} {count:,}" for name, count in _most_first(reasons))
    return ", ".join(named) or "–"


def _by_trigger(triggers: Mapping[str, int]) -> Table:
    table = Table.grid(padding=(0, 2))
    for trigger, count in _most_first(triggers):
        table.add_row("", trigger, f"{count:,}", TRIGGERS.get(trigger, ""))
    return table
