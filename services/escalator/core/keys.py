"""The keys of everything that is kept: tickets, their successors, groups, and the rest.

A record that is no ticket and no group has a key that no event can have, since no helpdesk's
source may begin with `tierline/`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

TICKET: Final = "ticket"
GROUP: Final = "group"
WATCH: Final = "watch"
MEMBERS: Final = "members"
CLOCK: Final = "clock"

_GROUP: Final = "group:"
_OWN: Final = "tierline/"
_PLAIN: Final = " !$&'()*+,;=:@"
MEMBERS_A_PAGE: Final = 256


def kind_of(key: str) -> str:
    """Return what the record *key* is."""
    if key.startswith(_GROUP):
        return GROUP
    if key.startswith(_OWN):
        return key[len(_OWN) :].partition(":")[0]
    return TICKET


def fingerprint(parts: Sequence[str]) -> str:
    """Return *parts* as one text in which each can be told apart."""
    return "/".join(quote(part, safe=_PLAIN) for part in parts)


def watch(print_: str) -> str:
    """Return the key of what is known of the fingerprint *print_*."""
    return f"{_OWN}{WATCH}:{print_}"


def fingerprint_of(key: str) -> str:
    """Return the fingerprint of a watch or a group."""
    if key.startswith(_GROUP):
        return key[len(_GROUP) :].rpartition("/")[0]
    return key.partition(":")[2]


def group(print_: str, n: int) -> str:
    """Return the key of the *n*-th group of the fingerprint *print_*, from 1."""
    return f"{_GROUP}{print_}/{n}"


def members(group_key: str, page: int) -> str:
    """Return the key of one page of the members that a group ever had, from 0."""
    return f"{_OWN}{MEMBERS}:{group_key}/{page}"


def clock(source: str) -> str:
    """Return the key of what is known of the clock of *source*."""
    return f"{_OWN}{CLOCK}:{source}"


def successor(key: str, recurrence_of: str | None) -> str:
    """Return the key of the case that goes on where *key* cannot be reopened any more.

    The first is `key/2`; one that is a successor itself (of *recurrence_of*) counts on.
    """
    if recurrence_of is None:
        return f"{key}/2"
    root, _, number = key.rpartition("/")
    return f"{root}/{int(number) + 1}"
