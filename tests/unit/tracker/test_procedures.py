"""Which procedure stands beside a case, and that the handbook has it."""

import re
from pathlib import Path

import pytest

from services.tracker.core.procedures import (
    DOWN,
    ENDED,
    EXECUTIVES,
    FLAGGED,
    LEAD,
    MAJOR,
    MANAGER,
    MERGED,
    STORM,
    TAKE,
    TRIAGE,
    VIP,
    WAITING,
    Call,
    Procedure,
    Step,
    procedures_of,
)
from shared.policy.load import DEFAULT_POLICY, load_policy_file

HANDBOOK = Path(__file__).resolve().parents[3] / "docs" / "handbook"
ASKED = Call("functional", "t2", unanswered=True)
TAKEN = Call("functional", "t2", unanswered=False)
UP, FURTHER = "Raise tier 1 to 2", "Raise 2 to 3"


def called(target: str) -> tuple[Call, ...]:
    return (Call("hierarchical", target, unanswered=False),)


@pytest.mark.parametrize(
    ("case", "titles"),
    [
        (Step("new", None, None), [TRIAGE.title]),
        (Step("open", 1, "P3"), [UP]),
        (Step("open", 2, "P2", calls=(ASKED,)), [TAKE.title, FURTHER]),
        (Step("open", 2, "P2", calls=(TAKEN,)), [FURTHER]),
        (Step("open", 3, "P1", calls=(ASKED, ASKED)), [MAJOR.title, TAKE.title, DOWN.title]),
        (Step("open", 3, "P3", calls=called("exec")), [EXECUTIVES.title, DOWN.title]),
        (Step("open", 1, "P3", calls=called("escalation_manager")), [MANAGER.title, UP]),
        (Step("open", 1, "P3", calls=called("t1_lead")), [LEAD.title, UP]),
        (Step("waiting_vendor", 2, "P3"), ["Waiting for a vendor", FURTHER]),
        (Step("open", 3, "P1", flags=("data_loss",)), ["Data loss", MAJOR.title, DOWN.title]),
        (
            Step("open", 2, "P3", flags=("security_suspected", "security_confirmed")),
            ["Security", FURTHER],
        ),
        (Step("open", 2, "P2", in_group=True), [STORM.title, FURTHER]),
        (Step("open", 1, "P4", vip=True), [VIP.title, UP]),
        (Step("resolved", 2, "P2", is_open=False, vip=True), [ENDED.title]),
        (Step("merged", 2, "P2", is_open=False, calls=(ASKED,)), [MERGED.title]),
    ],
)
def test_the_step_decides_which_procedures_come_first(case: Step, titles: list[str]) -> None:
    assert [one.title for one in procedures_of(case)] == titles


def test_a_department_has_its_place_on_the_page_of_departments() -> None:
    call = Call("external", "engineering", unanswered=False)
    found = procedures_of(Step("open", 3, "P2", calls=(call,)))
    assert (found[0].page, found[0].place) == ("external-procedures", "engineering")


def test_every_flag_of_the_policy_has_its_procedure() -> None:
    assert FLAGGED.keys() == load_policy_file(DEFAULT_POLICY).file.overrides.keys()


@pytest.mark.parametrize(
    "one",
    [
        TRIAGE,
        TAKE,
        MAJOR,
        MERGED,
        ENDED,
        DOWN,
        STORM,
        VIP,
        EXECUTIVES,
        MANAGER,
        LEAD,
        *FLAGGED.values(),
        *WAITING.values(),
        *procedures_of(Step("open", 1, "P3")),
        *procedures_of(Step("open", 2, "P3")),
    ],
    ids=lambda one: one.title,
)
def test_the_handbook_has_every_procedure_under_its_heading(one: Procedure) -> None:
    page = (HANDBOOK / f"{one.page}.md").read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", page, flags=re.MULTILINE)
    assert one.title in headings
    if one.place:
        assert re.sub(r"\W+", "-", one.title.lower()) == one.place
