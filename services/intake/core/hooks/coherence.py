"""What no single key of a hook's mapping shows: rules that could never speak, waits that cannot be."""

from __future__ import annotations

from collections.abc import Iterator

from services.intake.core.hooks.facts import implied_by
from services.intake.core.hooks.shape import HookMapping
from shared.contract.vocabulary import Author, Implied
from shared.mapping.file import Incoherence
from shared.policy.shape.base import suggestion
from shared.policy.tree import Path


def incoherent(mapping: HookMapping) -> Iterator[Incoherence]:
    """Find what would make the engine refuse what *mapping* tells, or a rule never speak."""
    yield from _unguarded(mapping)
    yield from _messages(mapping)


def _unguarded(mapping: HookMapping) -> Iterator[Incoherence]:
    """Find waits for the customer whose guards (docs/policy.md, Pauses) no body could meet."""
    link = mapping.status
    at: Path = ("status",)
    while link is not None:
        for word, status in link.words.items():
            path: Path = (*at, "words", word)
            if status != "waiting_customer":
                continue
            if implied_by(mapping, word) is not Implied.QUESTION:
                yield (
                    path,
                    "a wait for the customer needs a public question in the same action, and no"
                    " message of this mapping stands for one",
                    f"Add one to messages with status_becomes: [{word}] and asks_customer: true, or"
                    " map the word to open.",
                )
            if "requester" not in mapping.facts:
                yield (
                    path,
                    "a wait for the customer needs somebody to ask",
                    "Name the place of who asked under facts.requester.",
                )
        link, at = link.otherwise, (*at, "otherwise")


def _messages(mapping: HookMapping) -> Iterator[Incoherence]:
    known = mapping.status_words()
    for number, rule in enumerate(mapping.messages):
        path: Path = ("messages", number)
        for word in rule.words:
            if word not in known:
                yield path, f"`{word}` is no word of status.words", suggestion(word, known)
        if rule.author is not Author.AGENT or not rule.public:
            yield (
                path,
                "a status can only stand for what an agent wrote to the customer",
                "Write author: agent and public: true; other messages belong under written.",
            )
        if rule.status_leaves and not rule.first_only:
            yield (
                path,
                "a body does not say which status was left",
                "Add first_only: true, or list the statuses under status_becomes.",
            )
