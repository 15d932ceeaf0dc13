"""Every case of the default policy, spelt out and compared with what the policy says."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.contract.times import Seconds
from shared.policy.calendars import Calendar
from shared.policy.document import Policy
from shared.policy.notation import parse_optional_duration

LINES = [
    line.split()
    for line in (Path(__file__).parent / "expanded_cases.txt").read_text().splitlines()
    if not line.startswith("#")
]
HEADER, CASES = LINES[0], [dict(zip(LINES[0], line, strict=True)) for line in LINES[1:]]
DOES_NOT_APPLY = "-"


def seconds(text: str) -> Seconds | None:
    return None if text == DOES_NOT_APPLY else parse_optional_duration(text)


def word(calendar: Calendar) -> str:
    return "always" if calendar.name == "always" else "business"


def name(case: dict[str, str]) -> str:
    return f"{case['severity']}/{case['impact']} {case['plan']} {case['vip']}"


def test_every_combination_is_spelt_out_once() -> None:
    combinations = {(c["severity"], c["impact"], c["plan"], c["vip"]) for c in CASES}
    assert len(CASES) == len(combinations) == 4 * 4 * 3 * 2


@pytest.mark.parametrize("case", CASES, ids=name)
def test_a_case_has_the_values_spelt_out(case: dict[str, str], policy: Policy) -> None:
    severity, plan, vip = case["severity"], case["plan"], case["vip"] == "vip"
    cell = policy.cell(severity, case["impact"])
    promise = policy.promise(plan, cell.priority)
    beyond = policy.trigger("T07", cell.priority)
    assert beyond is not None
    to_product = beyond.to == "product" or (beyond.to == "3_or_product_if_S4" and severity == "S4")

    def stay(tier: int) -> Seconds | None:
        limit = {1: cell.t1_max, 2: cell.t2_max}[tier]
        applies = cell.start_tier <= tier and limit is not None
        return policy.dwell(limit, plan, vip=vip) if applies and limit is not None else None

    internal = policy.internal_calendar(severity, cell.priority, plan, "emea")
    assert {
        "priority": cell.priority,
        "tier": str(cell.start_tier),
        "stay_1": stay(1),
        "stay_2": stay(2),
        "then": DOES_NOT_APPLY if stay(2) is None else ("product" if to_product else "tier3"),
        "first": promise.first_response,
        "next": promise.next_response,
        "update": promise.customer_update,
        "resolve": promise.resolve,
        "promised": word(policy.calendar_for(cell.priority, plan, "emea")),
        "internal": word(internal),
        "ack": cell.ack,
        "again": cell.renotify,
        "inform": cell.exec_inform,
        "decide": cell.exec_decide,
    } == {
        key: case[key]
        if key in ("priority", "tier", "then", "promised", "internal")
        else seconds(case[key])
        for key in HEADER
        if key not in ("severity", "impact", "plan", "vip")
    }
