"""Rotations, overrides and absences in the roster file."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from pydantic import SecretStr

from services.notifier.calendar_fetching import fetch
from services.notifier.channels.egress import Egress
from services.notifier.core.roster import Roster, TicketFacts
from services.notifier.known_calendars import KnownCalendars
from services.notifier.roster_file import Finding, RosterError, load_roster, load_roster_file
from services.notifier.rosters import Rosters
from shared.runtime.settings import SettingsError

GOOD = """\
roster: {name: test, version: 3, zone: Europe/Vienna}
modes: {page: [email]}
people:
  ana: {name: Ana Abel, email: ana@example.org}
  ben: {name: Ben Berg, email: ben@example.org}
groups:
  tier-2: {name: Tier 2, email: t2@example.org, members: [ana, ben]}
roles:
  t2_oncall: {schedule: tier2, to: tier-2}
schedules:
  tier2:
    layers:
      - {people: [ana, ben], turn: weekly, start: 2026-03-02, handover: "09:00"}
      - people: [ben]
        turn: daily
        start: 2026-03-02
        handover: "00:00"
        zone: UTC
        only: {weekend: "18:00-08:00"}
    overrides:
      - {who: ben, from: "2026-03-04T12:00", until: "2026-03-04T13:00"}
absences:
  - {who: ana, from: 2026-03-05, until: 2026-03-05}
"""


@pytest.mark.parametrize(
    ("at", "person"),
    [
        ((3, 12), "ana"),
        ((4, 11), "ben"),  # the override, noon in Vienna
        ((4, 12), "ana"),
        ((5, 12), "tier-2"),  # Ana is away all day, and nobody stands in: the seat's own `to`
        ((7, 19), "ben"),
        ((9, 7), "ben"),  # Sunday's night runs into Monday
    ],
)
def test_a_role_with_a_schedule_is_held_by_whose_shift_it_is(
    at: tuple[int, int], person: str
) -> None:
    moment = datetime(2026, 3, *at, tzinfo=UTC)
    held = load_roster(GOOD).seated("t2_oncall", tier=2, facts=TicketFacts(), at=moment)
    assert held is not None
    assert held.key == person


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("weekly", "monthly", Finding(13, "schedules.tier2.layers.0.turn", "Write daily, weekly")),
        ("weekly", "5h", Finding(13, "schedules.tier2.layers.0.turn", "divide a day evenly")),
        ('"09:00"', '"9"', Finding(13, "schedules.tier2.layers.0.handover", "no time of day")),
        ("[ana, ben], t", "[], t", Finding(13, "schedules.tier2.layers.0.people", "at least 1")),
        ("[ana, ben], t", "[eva], t", Finding(13, "schedules.tier2.layers.0.people.0", "'eva'")),
        ("zone: UTC", "zone: Mars", Finding(18, "schedules.tier2.layers.1.zone", "Write one such")),
        ("weekend", "sunday", Finding(19, "schedules.tier2.layers.1.only", "`sunday` is no day")),
        ("{who: ben", "{who: eva", Finding(21, "schedules.tier2.overrides.0.who", "'eva' is")),
        ("T13:00", "T11:00", Finding(21, "schedules.tier2.overrides.0", "ends before it begins")),
        ("{who: ana", "{who: eva", Finding(23, "absences.0.who", "'eva' is neither")),
        (
            '"2026-03-04T12:00"',
            "2026-03-04T12:00:00Z",
            Finding(21, "schedules.tier2.overrides.0.from", "in quotes"),
        ),
        ("schedule: tier2", "schedule: tier9", Finding(9, "roles.t2_oncall", "not in schedules")),
        ("members: [ana", "members: [eva", Finding(7, "groups.tier-2.members.0", "'eva' is not")),
    ],
)
def test_a_finding_names_line_and_key(old: str, new: str, finding: Finding) -> None:
    assert old in GOOD
    with pytest.raises(RosterError) as caught:
        load_roster(GOOD.replace(old, new, 1))
    found = caught.value.findings[0]
    assert (found.line, found.key) == (finding.line, finding.key)
    assert finding.what in found.what


def test_a_changed_file_is_in_force_and_a_broken_one_leaves_the_old(tmp_path: Path) -> None:
    file = tmp_path / "roster.yaml"
    file.write_text(GOOD, encoding="utf-8")

    def load(_: Mapping[str, str]) -> Roster:
        try:
            return load_roster_file(file)
        except RosterError as error:
            raise SettingsError(str(error)) from None

    fetching = partial(fetch, egress=Egress(), secrets=SecretStr)
    rosters = Rosters.of(file, load, KnownCalendars(fetching))
    assert not rosters.look()
    file.write_text(GOOD.replace("version: 3", "version: 4"), encoding="utf-8")
    assert rosters.look()
    assert rosters.current.version == 4
    file.write_text(GOOD.replace("version: 3", "version: x"), encoding="utf-8")
    assert not rosters.look()
    assert rosters.current.version == 4
    assert "line 1, roster.version" in rosters.notes()["roster"]
    file.unlink()
    assert not rosters.look()
    file.write_text(GOOD.replace("version: 3", "version: 5"), encoding="utf-8")
    assert rosters.look()
    assert (rosters.current.version, rosters.notes()) == (5, {})
