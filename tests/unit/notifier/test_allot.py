"""Who is served now, and what goes out as one."""

from datetime import UTC, datetime, timedelta

from services.notifier.core.allot import (
    DIGEST_AT_MOST,
    WHOLE_AT_MOST,
    Limits,
    Share,
    Waiting,
    allot,
)
from services.notifier.core.flow import Gate, Rate, failed, new_gate, taken

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LIMITS = Limits(
    rates={
        "email": Rate(per_s=5, burst=5),
        "webhook": Rate(per_s=10, burst=10),
        "console": Rate(per_s=100, burst=100),
        "now": Rate(0.5, 3),
        "to": Rate(per_s=1 / 15, burst=3),
    },
    at_once=4,
)


def waits(target: str, count: int, *, since_s: int = 0) -> Waiting:
    return Waiting(target.partition(":")[0], target, count, NOW - since_s * SECOND)


def gates(*names: str, **others: Gate) -> dict[str, Gate]:
    fresh = {name: new_gate(name, LIMITS.rate(name), now=NOW) for name in names}
    return fresh | others


def shared(
    waiting: list[Waiting],
    held: dict[str, Gate],
    *,
    free: int = 32,
    in_flight: dict[str, int] | None = None,
) -> tuple[Share, ...]:
    return allot(waiting, held, in_flight or {}, LIMITS, free=free, now=NOW)[0]


def test_whoever_waits_longest_is_served_first() -> None:
    held = gates("email", "to:email:ana", "to:email:ben")
    found = shared([waits("email:ana", 3), waits("email:ben", 3, since_s=9)], held)
    assert found == (Share("email", "email:ben", 3), Share("email", "email:ana", 1))


def test_no_more_is_taken_than_the_process_can_send() -> None:
    held = gates("console")
    assert shared([waits("console:ana", 50)], held, free=2) == (Share("console", "console:ana", 2),)


def test_what_is_on_its_way_through_a_gate_counts() -> None:
    held = gates("email", "to:email:ana")
    found = shared([waits("email:ana", 3)], held, in_flight={"email": 3})
    assert found == (Share("email", "email:ana", 1),)


def test_more_than_a_recipient_may_get_now_goes_out_as_one_and_then_there_is_a_pause() -> None:
    held = gates("email", "to:email:ana")
    shares, after = allot([waits("email:ana", 4)], held, {}, LIMITS, free=32, now=NOW)
    assert shares == (Share("email", "email:ana", DIGEST_AT_MOST, together=True),)
    later = NOW + 14 * SECOND
    assert allot([waits("email:ana", 1)], after, {}, LIMITS, free=32, now=later)[0] == ()
    later = NOW + 15 * SECOND
    assert len(allot([waits("email:ana", 1)], after, {}, LIMITS, free=32, now=later)[0]) == 1


def test_a_digest_takes_the_room_of_one_message() -> None:
    held = gates("email", "to:email:ana", "to:email:ben")
    found = shared([waits("email:ana", 900, since_s=1), waits("email:ben", 3)], held)
    assert [share.together for share in found] == [True, False]
    assert found[1].most == 3


def test_a_console_is_not_paced() -> None:
    assert shared([waits("console:ana", 60)], gates("console")) == (
        Share("console", "console:ana", 4),
    )


def test_a_shut_gate_gives_nothing_and_disturbs_no_other() -> None:
    shut = new_gate("email", LIMITS.rate("email"), now=NOW)
    for _ in range(5):
        shut = failed(shut, now=NOW)
    held = gates("webhook", "to:email:ana", "to:webhook:ben", email=shut)
    found = shared([waits("email:ana", 3, since_s=60), waits("webhook:ben", 1)], held)
    assert found == (Share("webhook", "webhook:ben", 1),)


def test_nobody_waits_until_all_others_are_served() -> None:
    names = [f"webhook:p{n}" for n in range(10)]
    held = gates(*names, *(f"to:{name}" for name in names))
    waiting = [Waiting(name, name, 3, NOW) for name in names]
    found = shared(waiting, held, free=12)
    assert {share.target for share in found} == set(names)
    assert sum(share.most for share in found) == 12


def test_what_is_urgent_has_its_part_of_all_that_is_free() -> None:
    held = gates(
        "webhook", "webhook:ana", "now:webhook:ana", *(f"to:webhook:p{n}" for n in range(9))
    )
    waiting = [Waiting("webhook", f"webhook:p{n}", 3, NOW - SECOND) for n in range(9)]
    waiting.append(Waiting("webhook:ana", "webhook:ana", 3, NOW, urgent=True))
    found = shared(waiting, held, free=4)
    assert found[0] == Share("webhook:ana", "webhook:ana", 3, urgent=True)


def test_a_gate_that_another_instance_holds_is_left_to_it() -> None:
    held = gates("to:email:ana")
    assert shared([waits("email:ana", 3)], held) == ()


def test_a_recipient_without_tokens_waits() -> None:
    empty = taken(new_gate("to:email:ana", LIMITS.rate("to:email:ana"), now=NOW), 3)
    held = gates("email", **{"to:email:ana": empty})
    assert shared([waits("email:ana", 1)], held) == ()


def test_ten_thousand_in_a_minute_reach_one_channel_as_ten_messages_at_most() -> None:
    pace = Rate(per_s=1 / 15, burst=5)
    limits = Limits({"slack": Rate(1, 3), "now": Rate(0.5, 5), "to": pace}, at_once=4)
    held = {name: new_gate(name, limits.rate(name), now=NOW) for name in ("slack", "to:slack:t2")}
    # The worst start: one by one for so long as single messages may go, then all that is left.
    came = messages = sent = 0
    for look in range(4 * 90):
        now = NOW + look * SECOND / 4
        came = look if look < 20 else min(10_000, round(look / 4 * 10_000 / 60))
        if came == sent:
            continue
        waiting = [Waiting("slack", "slack:t2", came - sent, now)]
        shares, held = allot(waiting, held, {}, limits, free=32, now=now)
        for share in shares:
            messages += 1 if share.together else share.most
            sent += min(share.most, came - sent)
    assert sent == 10_000
    assert messages <= 10


def test_a_webhook_s_digest_is_smaller_since_it_holds_whole_decisions() -> None:
    (share,) = shared([waits("webhook:cleo", 9000)], gates("webhook", "to:webhook:cleo"))
    assert (share.together, share.most) == (True, WHOLE_AT_MOST)
