"""Every way in which a webhook is refused, each with what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from services.intake.core.hooks.signing import SignatureRefusedError
from services.intake.hooks.hooks_file import Source
from services.intake.problems import refused
from shared.contract.errors import Flaw
from shared.runtime.kafka import Landed
from shared.runtime.problems import Problem


def unknown_source(name: str, known: Iterable[str]) -> Problem:
    """Return what to answer to an address that no helpdesk has."""
    return refused(
        status=404,
        code="unknown_source",
        title="No helpdesk posts here",
        detail=f"no source is called {name[:60]!r}; known are {', '.join(sorted(known))}",
        do="Correct the address, or list the source in INTAKE_HOOKS_FILE.",
    )


def not_proven(error: SignatureRefusedError) -> Problem:
    """Return what to answer to a signature that proves nothing."""
    return refused(
        status=401,
        code=error.code,
        title="The request is not provably the helpdesk's",
        detail=str(error),
        do=error.remedy,
    )


def nothing_proves_it(source: Source) -> Problem:
    """Return what to answer to a request with neither signature nor key."""
    signature = source.mapping.signature
    key = f"send Authorization: Bearer tl_… with an API key for the source {source.name}"
    if signature is None:
        how = f"{source.mapping.product} signs nothing: {key}."
    elif source.secrets:
        how = f"Have {source.mapping.product} sign with {signature.header}, or {key}."
    else:
        how = (
            f"List the secret of {source.mapping.product} for {source.name} in INTAKE_HOOKS_FILE,"
            f" or {key}."
        )
    return refused(
        status=401,
        code="not_proven",
        title="Nothing proves that the helpdesk sent this",
        detail="there is no signature that could be checked, and no API key",
        do=f"{how} `tierline hooks setup {source.mapping.mapping.name}` says how.",
        headers={"www-authenticate": "Bearer"},
    )


def foreign_key(source: str, bound: str) -> Problem:
    """Return what to answer to a key that speaks for another helpdesk."""
    return refused(
        status=403,
        code="foreign_source",
        title="This key does not speak for that source",
        detail=f"the API key speaks for {bound!r}, and this is the address of {source!r}",
        do=f"Post to /v1/hooks/{bound}, or use a key that is bound to {source}.",
    )


def unreadable(source: Source, flaws: Sequence[Flaw], kept: Landed, events: int) -> Problem:
    """Return what to answer to a body that the mapping cannot tell.

    Args:
        source: Whose it is.
        flaws: Why not.
        kept: Where the body is kept.
        events: How many of its parts could be told, and are accepted.
    """
    return refused(
        status=422,
        code="unmapped",
        title="The body cannot be read by the mapping",
        detail="; ".join(
            f"{flaw.path}: {flaw.problem}" if flaw.path else flaw.problem for flaw in flaws
        ),
        do=flaws[0].remedy,
        extra={
            "mapping": source.mapping.mapping.name,
            "flaws": [
                {"path": flaw.path, "problem": flaw.problem, "do": flaw.remedy} for flaw in flaws
            ],
            "kept": {"topic": "hooks.refused", "partition": kept.partition, "offset": kept.offset},
            "accepted": events,
        },
    )


def none_yet(source: str) -> Problem:
    """Return what to answer to who asks for a body before one came."""
    return refused(
        status=404,
        code="none_yet",
        title="Nothing has come from that source",
        detail=f"since this process began, nothing was posted to /v1/hooks/{source}",
        do="Have the helpdesk send one, and ask again.",
    )
