"""Which version may follow which: numbers rise, times do not go back, nothing is changed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.contract.times import Instant
from shared.policy.document import Policy
from shared.policy.succession import Activated, RefusedActivationError, is_activated

NOW = Instant(1_000_000)


def numbered(policy: Policy, version: int, digest: str = "a") -> Policy:
    return replace(policy, version=version, digest=digest)


def activated(version: int, digest: str = "a", begins: int = 500) -> Activated:
    return Activated(version, digest, Instant(begins), Instant(begins))


def test_a_higher_number_may_follow_at_once_or_later(policy: Policy) -> None:
    assert not is_activated(numbered(policy, 2), None, NOW, [activated(1)])
    assert not is_activated(numbered(policy, 9), Instant(NOW + 5), NOW, [activated(1)])
    assert not is_activated(numbered(policy, 1), NOW, NOW, [])


def test_the_newest_again_is_known(policy: Policy) -> None:
    known = [activated(2), activated(1)]
    assert is_activated(numbered(policy, 2), None, NOW, known)
    assert is_activated(numbered(policy, 2), Instant(500), NOW, known)


@pytest.mark.parametrize(
    ("version", "digest", "wanted", "code"),
    [
        (2, "b", None, "version_taken"),
        (2, "a", NOW, "already_activated"),
        (1, "a", None, "old_version"),
        (3, "a", NOW - 1, "activation_in_the_past"),
        (3, "a", NOW + 99, "activation_too_early"),
    ],
)
def test_what_cannot_follow_is_refused_with_what_to_do(
    policy: Policy, version: int, digest: str, wanted: int | None, code: str
) -> None:
    known = [
        activated(1),
        activated(2, begins=500 if code != "activation_too_early" else NOW + 100),
    ]
    at = None if wanted is None else Instant(wanted)
    with pytest.raises(RefusedActivationError) as refused:
        is_activated(numbered(policy, version, digest), at, NOW, known)
    assert refused.value.code == code
    assert refused.value.do
