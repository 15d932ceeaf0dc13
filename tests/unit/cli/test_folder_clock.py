"""The clock of a data folder."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cli.folder_clock import UnusableFolderError, clock_of
from shared.runtime.clock import Clock, real_now

MOMENT = datetime(2016, 2, 29, tzinfo=UTC)


def test_a_new_folder_has_the_worlds_time_unless_asked_otherwise(tmp_path: Path) -> None:
    assert clock_of(tmp_path / "new", speed=None, start=None) == Clock()


def test_a_new_folder_begins_where_it_is_told_to(tmp_path: Path) -> None:
    clock = clock_of(tmp_path / "new", speed=60.0, start=MOMENT)
    assert clock.speed == 60.0
    assert timedelta(0) <= clock.now() - MOMENT < timedelta(minutes=5)


def test_a_faster_clock_without_a_start_begins_now(tmp_path: Path) -> None:
    clock = clock_of(tmp_path, speed=60.0, start=None)
    assert abs(clock.now() - real_now()) < timedelta(minutes=5)


def test_a_folder_keeps_its_clock(tmp_path: Path) -> None:
    first = clock_of(tmp_path, speed=60.0, start=MOMENT)
    assert clock_of(tmp_path, speed=None, start=None) == first
    assert clock_of(tmp_path, speed=60.0, start=None) == first


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"speed": "fast", "offset_s": 0}'])
def test_a_file_that_is_no_clock_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "clock.json").write_text(content)
    with pytest.raises(UnusableFolderError, match="no clock of a data folder"):
        clock_of(tmp_path, speed=None, start=None)


@pytest.mark.parametrize("where", ["file", "file/below"])
def test_a_folder_that_is_none_is_refused_and_the_remedy_named(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnusableFolderError, match="name another folder with --home"):
        clock_of(tmp_path / where, speed=None, start=None)


@pytest.mark.parametrize(("speed", "start"), [(30.0, None), (None, MOMENT)])
def test_another_clock_is_refused_and_the_remedy_named(
    tmp_path: Path, speed: float | None, start: datetime | None
) -> None:
    clock_of(tmp_path, speed=60.0, start=MOMENT)
    with pytest.raises(UnusableFolderError, match="name another folder with --home"):
        clock_of(tmp_path, speed=speed, start=start)
