"""Answer links: bound, expiring, and not to be forged."""

from datetime import timedelta

import jwt
import pytest
from pydantic import SecretStr

from services.notifier.core.answering import Seal
from services.notifier.tokens import AnswerLinks, BadLinkError
from tests.unit.notifier.builders import NOON

KEY = "k" * 64
LINKS = AnswerLinks("https://tierline.example.org/", SecretStr(KEY), timedelta(days=3))
SEAL = Seal("desk:A", "esc-1", "ana", "t2_oncall")


def token() -> str:
    return LINKS.link(SEAL, since=NOON).rpartition("/")[2]


def test_a_link_holds_what_it_is_bound_to_and_is_the_same_whenever_it_is_made() -> None:
    link = LINKS.link(SEAL, since=NOON)
    assert link.startswith("https://tierline.example.org/v1/answers/")
    assert link == LINKS.link(SEAL, since=NOON)
    assert LINKS.read(token(), now=NOON + timedelta(days=3)) == SEAL


def test_a_link_expires() -> None:
    with pytest.raises(BadLinkError) as caught:
        LINKS.read(token(), now=NOON + timedelta(days=3, seconds=1))
    assert caught.value.expired


def _forged(**change: object) -> str:
    claims = jwt.decode(
        token(),
        KEY,
        algorithms=["HS256"],
        audience="tierline:answer",
        options={"verify_exp": False},
    )
    return jwt.encode(claims | change, "another key of thirty-two bytes!!", algorithm="HS256")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "a.b.c",
        token()[:-2],
        token() + "x",
        _forged(person="eve"),
        jwt.encode(
            {"ticket": "desk:A", "aud": "tierline:answer", "exp": 9e9}, "", algorithm="none"
        ),
        jwt.encode({"aud": "tierline:answer", "exp": 9e9}, KEY, algorithm="HS256"),
        jwt.encode(
            {
                "ticket": "d:A",
                "escalation": "e",
                "person": "p",
                "role": "r",
                "aud": "other",
                "exp": 9e9,
            },
            KEY,
            algorithm="HS256",
        ),
        jwt.encode(
            {
                "ticket": "d:A",
                "escalation": "e",
                "person": "p",
                "role": "r",
                "aud": "tierline:answer",
            },
            KEY,
            algorithm="HS256",
        ),
        jwt.encode(
            {
                "ticket": "d:A",
                "escalation": "e",
                "person": "p",
                "role": "r",
                "aud": "tierline:answer",
                "exp": 9e9,
            },
            KEY,
            algorithm="HS512",
        ),
    ],
)
def test_what_was_not_made_here_is_refused(text: str) -> None:
    with pytest.raises(BadLinkError):
        LINKS.read(text, now=NOON)
