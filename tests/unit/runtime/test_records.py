"""Which partition a key goes to is settled for ever."""

import pytest

from shared.runtime.kafka import Batch, Incoming, partition_for


@pytest.mark.parametrize(
    ("key", "murmur2"),
    [
        ("21", -973932308),
        ("foobar", -790332482),
        ("a-little-bit-long-string", -985981536),
        ("a-little-bit-longer-string", -1486304829),
        ("abc", 479470107),
    ],
)
def test_a_key_goes_where_kafkas_own_client_sends_it(key: str, murmur2: int) -> None:
    for partitions in (1, 12, 2**31):
        assert partition_for(key.encode(), partitions) == (murmur2 & 0x7FFFFFFF) % partitions


def test_keys_spread_over_all_partitions() -> None:
    used = {partition_for(f"desk:{number}".encode(), 12) for number in range(200)}
    assert used == set(range(12))


def _batch() -> Batch:
    places = [(0, 7), (0, 8), (0, 9), (3, 1), (3, 2)]
    return Batch("t", [Incoming(*place, b"k", b"v", (), 0) for place in places])


def test_after_a_batch_comes_the_offset_after_the_last_record_of_each_partition() -> None:
    assert _batch().next_offsets == {0: 10, 3: 3}


def test_what_is_applied_already_is_told_by_the_position_of_its_own_partition() -> None:
    left = _batch().beyond({0: 9, 3: 0})
    assert [(one.partition, one.offset) for one in left.records] == [(0, 9), (3, 1), (3, 2)]


def test_no_position_is_moved_back_by_what_another_worker_has_applied() -> None:
    assert _batch().beyond({0: 12, 3: 2}).next_offsets == {3: 3}


def test_one_by_one_each_record_moves_only_its_own_partition() -> None:
    assert [one.next_offsets for one in _batch().one_by_one()] == [
        {0: 8},
        {0: 9},
        {0: 10},
        {3: 2},
        {3: 3},
    ]
