from __future__ import annotations

from shared.contract.topics import KEYS_USED, PARTITIONS, POLICIES, TOPICS


def test_no_two_topics_share_a_name() -> None:
    assert len({topic.name for topic in TOPICS}) == len(TOPICS)


def test_whatever_is_keyed_by_ticket_has_the_same_number_of_partitions() -> None:
    # A ticket's events, decisions and deliveries must meet in one partition number.
    assert {topic.partitions for topic in TOPICS if topic.key == "ticket key"} == {PARTITIONS}


def test_nothing_is_ever_forgotten_but_when_a_key_was_used_before_its_last_use() -> None:
    for topic in TOPICS:
        if topic.name == POLICIES:
            assert topic.config["min.compaction.lag.ms"] == str(2**63 - 1)
        elif topic.name == KEYS_USED:
            assert topic.config["cleanup.policy"] == "compact"
        else:
            assert topic.config["retention.ms"] == topic.config["retention.bytes"] == "-1"


def test_every_topic_is_written_by_one_service() -> None:
    assert [len(topic.writers) for topic in TOPICS] == [1] * len(TOPICS)


def test_brokers_stamp_the_time_and_never_elect_a_leader_that_lost_records() -> None:
    for topic in TOPICS:
        assert topic.config["message.timestamp.type"] == "LogAppendTime"
        assert topic.config["unclean.leader.election.enable"] == "false"
