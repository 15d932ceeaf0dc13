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


def test_after_a_batch_comes_the_offset_after_its_last_record() -> None:
    records = [Incoming(offset, b"k", b"v", (), 0) for offset in (7, 8, 9)]
    assert Batch("t", 0, records).next_offset == 10
