"""A role-play at a terminal: the clock stands while the trainee thinks, and jumps when told to."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final

import typer
from pydantic import ValidationError

from cli.roleplay.pacing import until_news
from cli.roleplay.shown import calls_of, lines_of, wrapped
from services.escalator.core.roleplay.acting import VERBS, Act
from services.escalator.core.roleplay.offsets import told
from services.escalator.core.roleplay.stage import Stage
from services.escalator.core.roleplay.transcript import Entry
from services.notifier.core.roster import Roster
from shared.contract.sentences import words
from shared.contract.times import Instant
from shared.policy.notation import parse_duration
from shared.policy.tree import UnreadableError, parse_value

_LESSON: Final = """\
  next               let time pass until something happens
  pass 10m           let ten minutes pass
  case               how the case stands
  acts               what can be done; `help reply` says what an act takes
  end                end the role-play now
  VERB key=value …   act, for example: reply text="We are on it." next_update=2026-03-02T10:00:00Z
                     fields of a form: raise to_tier=2 info.specific_ask="Find the cause"
                     with several seats: t2_specialist acknowledge restated="…\""""


class Prompt:
    """One trainee, or several around one terminal, in a role-play."""

    def __init__(self, stage: Stage, seats: Sequence[str], roster: Roster) -> None:
        self._stage = stage
        self._seats = seats
        self._roster = roster

    def play(self) -> None:
        """Read acts from standard input until the role-play is over, or the input is."""
        scenario = self._stage.scenario
        for line in wrapped(scenario.story.strip(), ""):
            typer.echo(line)
        typer.echo(f"\nYour seats: {', '.join(self._seats)}. Nobody is called.\n{_LESSON}\n")
        self._tell(self._stage.pass_time(scenario.start))
        for line in self._lines():
            if self._obey(line) or self._stage.now >= self._stage.ends_at:
                break
        self._tell(self._stage.pass_time(self._stage.ends_at))

    def _lines(self) -> Iterator[str]:
        while True:
            at = told(self._stage.now - self._stage.scenario.start)
            typer.echo(f"{at} > ", nl=False)
            line = sys.stdin.readline()
            if not line:
                typer.echo()
                return
            yield line

    def _obey(self, line: str) -> bool:
        """Do what *line* says; return whether that was to end."""
        try:
            said = shlex.split(line)
        except ValueError as error:
            typer.echo(f"  {error}: close the quotation marks")
            return False
        match said:
            case []:
                pass
            case ["end" | "quit" | "exit"]:
                return True
            case ["next"]:
                self._next()
            case ["pass", span]:
                self._pass(span)
            case ["case"]:
                self._case()
            case ["acts"] | ["help"]:
                for verb, model in VERBS.items():
                    typer.echo(f"  {verb:<12} {(model.__doc__ or '').splitlines()[0]}")
            case ["help", verb] if verb in VERBS:
                self._help(verb)
            case _:
                self._act(said)
        return False

    def _next(self) -> None:
        """Let time pass until there is something to read."""
        self._tell(until_news(self._stage))

    def _pass(self, span: str) -> None:
        try:
            length = parse_duration(span)
        except ValueError:
            typer.echo(f"  `{span}` is not a length of time; write it as 10m or 1h30m")
            return
        until = min(self._stage.now + length, self._stage.ends_at)
        self._tell(self._stage.pass_time(Instant(until)))

    def _act(self, said: list[str]) -> None:
        """Do an act a second from now, since everything of this second has happened already."""
        seat, rest = (said[0], said[1:]) if said[0] in self._seats else (self._seats[0], said)
        if not rest or rest[0] not in VERBS:
            typer.echo(f"  `{rest[0] if rest else seat}` is no act; `acts` lists them")
            return
        if len(self._seats) > 1 and said[0] not in self._seats:
            typer.echo(f"  say for which seat: {', '.join(self._seats)}")
            return
        at = Instant(self._stage.now + 1)
        offset = told(at - self._stage.scenario.start)
        try:
            given = {"act": rest[0], "at": offset, "seat": seat, **keys_of(rest[1:])}
            act: Act = VERBS[rest[0]].model_validate(given)
        except ValidationError as error:
            for flaw in error.errors():
                where = ".".join(map(str, flaw["loc"]))
                remedy = flaw.get("ctx", {}).get("remedy", "")
                typer.echo(f"  {where}: {flaw['msg']} {remedy}".rstrip())
            return
        except (ValueError, UnreadableError):
            typer.echo('  write key=value, texts in quotation marks: text="We are on it."')
            return
        self._tell(self._stage.play(at, [act]))

    def _case(self) -> None:
        for one in self._stage.snapshots():
            if one["ticket"] == f"drill:{self._stage.scenario.ticket}" or "members" in one:
                open_ones = [words(esc["target"]) for esc in one["escalations"]]
                typer.echo(
                    f"  {one['ticket']}: {words(one['status'])}, {one['priority']}, tier"
                    f" {one['tier']}; open escalations: {', '.join(open_ones) or 'none'}"
                )
                for timer in one["timers"]:
                    due = timer["due"] or "stands still"
                    typer.echo(f"    {words(timer['name'])}: {timer['state']}, due {due}")

    def _help(self, verb: str) -> None:
        for name, field in VERBS[verb].model_fields.items():
            if name not in ("act", "at", "seat", "by"):
                typer.echo(f"  {name}{' (needed)' if field.is_required() else ''}")

    def _tell(self, entries: Sequence[Entry]) -> bool:
        """Print *entries* and whom they would have called; return whether there was anything."""
        scenario = self._stage.scenario
        lines = list(lines_of(scenario, entries))
        for line in lines:
            typer.echo(line)
        for call in calls_of(scenario, entries, self._roster):
            who = call["person"] or "nobody"
            why = " for information" if call["fyi"] else ""
            way = f" by {call['channel']}" if call["channel"] else ""
            typer.echo(
                f"{call['at']:>9}    would tell {words(call['role'])} ({who}), {call['mode']}{way}{why}"
            )
        return bool(lines)


def keys_of(said: Sequence[str]) -> dict[str, Any]:
    """Return `key=value` words as a mapping; `info.field=value` is a field of the form.

    A field of several parts has a point for each: `info.evidence_of_stability.what=No order lost`.

    Raises:
        ValueError: One is not of that form, or a key is both a value and a form.
    """
    found: dict[str, Any] = {}
    for one in said:
        key, equals, text = one.partition("=")
        if not equals:
            raise ValueError(one)
        value = parse_value(text) if text in ("true", "false") or text.isdigit() else text
        *sections, field = key.split(".")
        form = found
        for section in sections:
            form = form.setdefault(section, {})
            if not isinstance(form, dict):
                raise ValueError(one)  # noqa: TRY004  a mistyped word, as above
        form[field] = value
    return found
