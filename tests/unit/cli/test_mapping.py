"""The mapping file: what it accepts, and how it says what is wrong."""

from pathlib import Path

import pytest

from cli.history.mapping_file import SERVICENOW, load_mapping, parse_mapping
from shared.mapping.file import MappingError

SHIPPED = SERVICENOW.read_text("utf-8")


def refusal(text: str) -> str:
    with pytest.raises(MappingError) as refused:
        parse_mapping(text, name="my.yaml")
    return str(refused.value)


def test_the_shipped_mapping_loads_and_never_names_the_columns_of_the_future() -> None:
    columns = load_mapping(SERVICENOW).columns()
    assert {"number", "sys_mod_count", "sys_updated_at", "incident_state"} <= set(columns)
    assert not {"resolved_at", "closed_at", "resolved_by"} & set(columns)


def test_an_unknown_key_is_told_with_line_and_the_key_that_was_meant() -> None:
    said = refusal(SHIPPED.replace("carried:", "caried:"))
    assert "my.yaml:" in said
    assert "`caried` is not a key here" in said
    assert "Did you mean `carried`?" in said


def test_a_status_that_the_policy_does_not_know_is_told_with_its_line() -> None:
    line = SHIPPED.splitlines().index("    Active: open") + 1
    said = refusal(SHIPPED.replace("    Active: open\n", "    Active: working\n"))
    assert f"my.yaml:{line}: error: status.words.Active" in said


def test_a_wait_for_the_customer_without_a_question_is_refused_before_the_engine_would() -> None:
    said = refusal(SHIPPED.replace("    asks_customer: true\n", ""))
    assert "no message of this mapping asks one" in said


def test_a_wait_for_the_customer_without_anybody_to_ask_is_refused() -> None:
    said = refusal(SHIPPED.replace("  requester: caller_id\n", ""))
    assert "facts.requester" in said


def test_a_scheduled_hold_needs_its_columns() -> None:
    said = refusal(SHIPPED.replace("Awaiting Vendor: waiting_vendor", "On Hold: scheduled_hold"))
    assert "Name their columns under hold." in said


def test_a_message_on_a_word_that_is_no_status_is_refused() -> None:
    said = refusal(SHIPPED.replace("status_leaves: [New]", "status_leaves: [Newish]"))
    assert "`Newish` is no word of status.words. Did you mean `New`?" in said


@pytest.mark.parametrize("format_", ["%d-%m-%Y", "day", "%H:%M"])
def test_a_time_format_that_loses_the_date_or_the_hour_is_refused(format_: str) -> None:
    said = refusal(SHIPPED.replace('format: "%d-%m-%Y %H:%M"', f'format: "{format_}"'))
    assert "time.format" in said


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "../zone", "CEST+1"])
def test_a_zone_that_is_none_is_refused(zone: str) -> None:
    said = refusal(SHIPPED.replace("zone: Europe/Vienna", f'zone: "{zone}"'))
    assert "no such time zone" in said


def test_a_file_that_is_not_there_is_an_error_of_the_same_kind(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="cannot be read"):
        load_mapping(tmp_path / "none.yaml")
