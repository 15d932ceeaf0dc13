"""Points for a run, each with the reason: what was asked, what was found, and when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from services.escalator.core.roleplay.matching import Matcher
from services.escalator.core.roleplay.offsets import told
from services.escalator.core.roleplay.shape import Expected, Forbidden, Need, Scenario, Verdict
from services.escalator.core.roleplay.stage import SOURCE
from services.escalator.core.roleplay.transcript import Entry
from shared.contract.times import Instant
from shared.policy.document import Policy

PASS_AT: Final = 80
"""Points of a hundred with which a run is passed, if nothing critical was done."""

LATE_SHARE: Final = 0.5
"""What an act is worth that came late, but within half as long again as it had."""

_LATE_FACTOR: Final = 1.5


@dataclass(frozen=True, slots=True)
class Item:
    """What an expectation, or something forbidden, has cost or earned.

    Attributes:
        id: Its id in the role-play.
        what: What was asked, or forbidden.
        seat: Of whom; None for what is forbidden to all.
        points: Earned of `of`; for what is forbidden, lost (a number below zero, or 0).
        of: What it is worth.
        at: When it was done, as `T+0:24`; None if it was not.
        reason: Why so many.
        why: The reason of the written procedure.
        page: The page of the handbook that says so.
        critical: It fails the run.
        judge: A trainer has to confirm it from the text.
    """

    id: str
    what: str
    seat: str | None
    points: float
    of: int
    at: str | None
    reason: str
    why: str
    page: str
    critical: bool = False
    judge: bool = False


@dataclass(frozen=True, slots=True)
class Score:
    """The result of a run.

    `points` are of a hundred, over the seats that were taken; `lost` is what was left on the
    table, by item.
    """

    points: float
    passed: bool
    expected: tuple[Item, ...]
    forbidden: tuple[Item, ...]

    @property
    def lost(self) -> Mapping[str, float]:
        """What each item cost that cost anything."""
        missed = {one.id: one.of - one.points for one in self.expected if one.points < one.of}
        return missed | {one.id: -one.points for one in self.forbidden if one.points}


def score(
    scenario: Scenario,
    transcript: Sequence[Entry],
    policy: Policy,
    *,
    seats: Iterable[str] | None = None,
    judged: Iterable[Verdict] = (),
) -> Score:
    """Return what *transcript* is worth.

    Args:
        scenario: What was expected.
        transcript: What was done and decided.
        policy: Whose forms had to be filled.
        seats: The seats that trainees took; by default all. Only these are scored.
        judged: What a trainer said of items that a person has to judge.
    """
    taken = frozenset(scenario.seats if seats is None else seats)
    marks = _Marks(scenario, transcript, policy, taken)
    verdicts = {one.item: one for one in judged}
    expected = tuple(
        marks.of_expected(one, verdicts.get(one.id)) for one in scenario.expect if one.seat in taken
    )
    forbidden = tuple(marks.of_forbidden(one) for one in scenario.never)
    worth = sum(one.of for one in expected)
    earned = sum(one.points for one in expected) * 100 / worth if worth else 0.0
    total = max(0.0, round(earned + sum(one.points for one in forbidden), 1))
    failed = any(one.critical and one.points for one in forbidden)
    return Score(total, total >= PASS_AT and not failed, expected, forbidden)


class _Marks:
    """The marks of one run."""

    def __init__(
        self,
        scenario: Scenario,
        transcript: Sequence[Entry],
        policy: Policy,
        taken: frozenset[str],
    ) -> None:
        self._start = scenario.start
        self._lines = transcript
        self._taken = taken
        self._matcher = Matcher(scenario.start, SOURCE, policy.forms)

    def of_expected(self, one: Expected, verdict: Verdict | None) -> Item:
        """Return the mark of *one*: in full, half, or none, and why."""
        own = frozenset([one.seat])
        spoilt = next((hit for need in one.spoilt_by for hit in self._hits(need, own)), None)
        if spoilt is not None:
            at = self._offset(spoilt.at)
            return self._item(one, 0, at, f"spoilt at {at}: {_said(spoilt)}")
        last = self._done(one.needs, own)
        if last is None and one.instead:
            last = self._done(one.instead, own)
        if last is None:
            return self._item(one, 0, None, self._missing(one.needs, own))
        if verdict is not None and not verdict.met:
            return self._item(one, 0, self._offset(last), f"the trainer: {verdict.reason}")
        return self._timed(one, last)

    def of_forbidden(self, one: Forbidden) -> Item:
        """Return the mark of *one*: its points off if anybody did it."""
        for need in one.when:
            hits = self._hits(need, self._taken, even_refused=True)
            if len(hits) >= need.times:
                hit = hits[need.times - 1]
                at = self._offset(hit.at)
                reason = f"at {at}: {_said(hit)}"
                points = -one.points
                break
        else:
            at, reason, points = None, "not done", 0
        return Item(
            one.id,
            one.what,
            None,
            points,
            one.points,
            at,
            reason,
            one.why,
            one.page,
            critical=one.critical,
        )

    def _done(self, needs: Sequence[Need], own: frozenset[str]) -> Instant | None:
        """Return when the last of *needs* was met, or None where one was not."""
        found = [(need.times, self._hits(need, own)) for need in needs]
        if any(len(hits) < times for times, hits in found):
            return None
        return max(hits[times - 1].at for times, hits in found)

    def _missing(self, needs: Sequence[Need], own: frozenset[str]) -> str:
        """Say why the first of *needs* that was not met was not."""
        for need in needs:
            found = len(self._hits(need, own))
            if found < need.times:
                return self._nearest(need, own, found)
        return "not done"

    def _hits(
        self, need: Need, seats: frozenset[str], *, even_refused: bool = False
    ) -> list[Entry]:
        return self._matcher.found(need, self._lines, seats, even_refused=even_refused)

    def _timed(self, one: Expected, at: Instant) -> Item:
        after = at - self._start
        last = one.since + int((one.by - one.since) * _LATE_FACTOR)
        when = self._offset(at)
        if after <= one.by:
            return self._item(one, one.points, when, f"done at {when}, due by {told(one.by)}")
        if after <= last:
            reason = f"half: done at {when}, after {told(one.by)}, before {told(last)}"
            return self._item(one, one.points * LATE_SHARE, when, reason)
        return self._item(one, 0, when, f"too late: done at {when}, due by {told(one.by)}")

    def _nearest(self, need: Need, seats: frozenset[str], found: int) -> str:
        """Say why *need* was not met: what the act that came nearest to it lacked."""
        who = frozenset([need.seat]) if need.seat else seats
        what = (need.act or need.decision or "").replace("_", " ")
        tried = [one for one in self._lines if self._matcher.is_about(need, one, who)]
        if found:
            return f"not done: {what} {found} of {need.times} times"
        if not tried or need.decision is not None:
            return f"not done: no {what} by {', '.join(sorted(who))}"
        nearest = min((self._matcher.lacking(need, one) for one in tried), key=len)
        return f"not as asked: {what}: {'; '.join(nearest)}" if nearest else f"not done: {what}"

    def _item(self, one: Expected, points: float, at: str | None, reason: str) -> Item:
        return Item(
            one.id,
            one.what,
            one.seat,
            points,
            one.points,
            at,
            reason,
            one.why,
            one.page,
            judge=one.judge,
        )

    def _offset(self, at: Instant) -> str:
        return told(at - self._start)


def _said(one: Entry) -> str:
    who = f"{one.seat}: " if one.seat else ""
    text = f" “{one.text[:80]}”" if one.text else ""
    return f"{who}{one.name.replace('_', ' ')}{text}"
