"""Reading a log: what is wrong is named by line, column, value and remedy."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.history.errors import LogError
from cli.history.mapping_file import SERVICENOW, parse_mapping
from cli.history.rows import MOST_PROBLEMS, read_log
from tests.unit.cli.logs import COLUMNS, MAPPING, a_row, rows_of, write


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log.csv"


def refusal(path: Path) -> str:
    with pytest.raises(LogError) as refused:
        read_log(path, MAPPING)
    return str(refused.value)


def test_a_word_that_the_mapping_lacks_names_line_column_value_and_remedy(log: Path) -> None:
    said = refusal(write(log, [a_row("09:05"), a_row("09:10", incident_state="Actve")]))
    assert f"{log}:3: column incident_state: `Actve` is no word of the mapping" in said
    assert "Add it to status.words of the mapping. Did you mean `Active`?" in said


def test_a_time_of_another_shape_names_the_format_that_was_expected(log: Path) -> None:
    said = refusal(write(log, [a_row("09:05", opened_at="2016-03-01 09:00")]))
    assert f"{log}:2: column opened_at: `2016-03-01 09:00` is no such time" in said
    assert "%d-%m-%Y %H:%M" in said


def test_an_empty_ticket_or_status_is_told(log: Path) -> None:
    said = refusal(write(log, [a_row("09:05", number="?", incident_state="")]))
    assert "column number: `` is empty" in said
    assert "column incident_state: `` a row needs a status" in said


def test_every_wrong_line_is_told_up_to_a_limit(log: Path) -> None:
    said = refusal(write(log, [a_row("09:05", urgency="9")] * (MOST_PROBLEMS + 9)))
    assert len(said.splitlines()) == MOST_PROBLEMS


def test_a_column_that_is_not_there_is_told_with_the_one_that_was_meant(log: Path) -> None:
    write(log, [a_row("09:05")])
    log.write_text(log.read_text().replace("incident_state", "incident_status", 1))
    said = refusal(log)
    assert "column incident_state: the log has no such column" in said
    assert "Did you mean `incident_status`?" in said


def test_a_line_with_too_few_cells_is_told(log: Path) -> None:
    write(log, [a_row("09:05")])
    with log.open("a") as file:
        file.write("INC2,New\n")
    assert f"{log}:3: 2 cells under a header of {len(COLUMNS)}" in refusal(log)


def test_a_quote_that_is_never_closed_is_told_with_the_line_it_opens_on(log: Path) -> None:
    write(log, [a_row("09:05")])
    with log.open("a") as file:
        file.write('"INC2,New\n')
    assert f"{log}:3: this is not CSV" in refusal(log)


def test_lines_are_counted_as_an_editor_counts_them(log: Path) -> None:
    said = refusal(
        write(log, [a_row("09:05", category="two\nlines"), a_row("09:10", urgency="?9")])
    )
    assert f"{log}:4: column urgency" in said


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\x1f\x8bnot gzip", "the gzip data are damaged"),
        ("number;\xfc".encode("latin-1"), "this is not UTF-8 text"),
    ],
)
def test_a_file_that_is_no_log_is_refused(log: Path, content: bytes, message: str) -> None:
    log.write_bytes(content)
    assert message in refusal(log)


def test_gzip_cut_short_is_refused_rather_than_read_in_part(log: Path) -> None:
    whole = write(log, [a_row("09:05")] * 500).read_bytes()
    packed = log.with_suffix(".csv.gz")
    packed.write_bytes(gzip.compress(whole)[:-20])
    assert "damaged" in refusal(packed)


def test_a_header_without_rows_is_refused(log: Path) -> None:
    assert "there are no rows" in refusal(write(log, []))


def test_a_byte_order_mark_is_no_part_of_the_first_column(log: Path) -> None:
    write(log, [a_row("09:05")])
    log.write_bytes(b"\xef\xbb\xbf" + log.read_bytes())
    assert read_log(log, MAPPING).rows == 1


def test_a_row_stamped_after_the_next_one_takes_the_next_ones_time(log: Path) -> None:
    read = read_log(write(log, rows_of(("11:10", {}), ("09:52", {}), ("11:03", {}))), MAPPING)
    assert [row.at.strftime("%H:%M") for row in read.tickets["INC1"]] == ["08:52", "08:52", "10:03"]
    assert read.repaired == (2,)


def test_a_row_stamped_before_the_opening_takes_the_openings_time(log: Path) -> None:
    read = read_log(write(log, rows_of(("07:27", {}), ("09:59", {}))), MAPPING)
    first = read.tickets["INC1"][0]
    assert first.at == first.opened_at
    assert read.repaired == (2,)


def test_a_file_in_the_wrong_order_is_refused_rather_than_repaired(log: Path) -> None:
    rows = rows_of(*((f"1{minute // 60}:{minute % 60:02}", {}) for minute in range(100)))
    assert "Sort the file by ticket and revision" in refusal(write(log, rows[::-1]))


def test_times_are_read_in_the_mappings_zone_over_a_change_of_clocks(log: Path) -> None:
    rows = rows_of(("27-03-2016 01:30", {}), ("27-03-2016 02:30", {}), ("27-03-2016 03:30", {}))
    read = read_log(write(log, rows), MAPPING)
    # 02:30 does not exist that night: it is 03:30, the gap later.
    assert [row.at for row in read.tickets["INC1"]] == [
        datetime(2016, 3, 27, 0, 30, tzinfo=UTC),
        datetime(2016, 3, 27, 1, 30, tzinfo=UTC),
        datetime(2016, 3, 27, 1, 30, tzinfo=UTC),
    ]


def test_a_format_that_names_the_offset_needs_no_zone(log: Path) -> None:
    mapping = parse_mapping(
        SERVICENOW.read_text("utf-8").replace("%d-%m-%Y %H:%M", "%Y-%m-%dT%H:%M:%S%z")
    )
    stamp = "2016-03-01T09:05:00-0500"
    read = read_log(write(log, [a_row("-", sys_updated_at=stamp, opened_at=stamp)]), mapping)
    assert read.tickets["INC1"][0].at == datetime(2016, 3, 1, 14, 5, tzinfo=UTC)
