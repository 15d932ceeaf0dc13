"""Every way in which intake says no, each with what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from services.intake import metrics
from services.intake.core.acts import NoTicketError, UnknownActError
from services.intake.core.callers import Caller
from services.intake.core.modes import BATCH, BINARY, STRUCTURED
from services.intake.core.report import ForeignSourceError
from services.intake.gate import OverloadedError, SilentKafkaError
from services.intake.tokens.provider import ProviderAwayError
from services.intake.tokens.verify import TokenRefusedError
from shared.contract.decisions import RefusalCode
from shared.contract.errors import InvalidEventError, Reason, TransientError
from shared.contract.judgements import Refused
from shared.runtime.kafka import PublishFailedError, PublishTimeoutError
from shared.runtime.problems import Problem, retry_after

_STATUS: Final[Mapping[Reason, int]] = {Reason.NOT_JSON: 400, Reason.TOO_LARGE: 413}
_TITLES: Final[Mapping[Reason, str]] = {
    Reason.NOT_JSON: "The body is not JSON",
    Reason.TOO_LARGE: "The event is larger than allowed",
    Reason.UNKNOWN_TYPE: "No event has this type",
    Reason.NOT_A_CLOUDEVENT: "The body is not a CloudEvent",
    Reason.UNSTORABLE_TEXT: "A text holds what no database can",
}
_REFUSED_ACTS: Final[Mapping[str, tuple[int, str, str]]] = {
    RefusalCode.MISSING_INFORMATION: (
        422,
        "The act lacks what it needs",
        "Add what `missing` names, and send it again.",
    ),
    RefusalCode.NOT_PERMITTED: (
        403,
        "That is not yours to do",
        "Act as one of those that `allowed` names, or have one of them do it.",
    ),
    RefusalCode.TIER_SKIP_NOT_ALLOWED: (
        403,
        "Tier 2 cannot be skipped so",
        "Ask for tier 2, or send the approval of a lead as `approved_by`.",
    ),
    RefusalCode.APPROVAL_BY_SELF: (
        403,
        "Nobody approves their own request",
        "Send the approval of somebody else as `approved_by`.",
    ),
    RefusalCode.APPROVAL_EXPIRED: (
        403,
        "The approval is too old",
        "Have it approved anew, and send that as `approved_by`.",
    ),
}


def refused(**fields: Any) -> Problem:
    """Return the problem of these *fields*, counted."""
    problem = Problem(**fields)
    metrics.REFUSED.labels(problem.code).inc()
    return problem


def invalid(error: InvalidEventError) -> Problem:
    """Return what to answer to a body that is no event of the contract."""
    return refused(
        status=_STATUS.get(error.reason, 422),
        code=str(error.reason),
        title=_TITLES.get(error.reason, "The event is not as the contract has it"),
        detail="; ".join(
            f"{flaw.path}: {flaw.problem}" if flaw.path else flaw.problem for flaw in error.flaws
        ),
        do=error.flaws[0].remedy,
        extra={
            "flaws": [
                {"path": flaw.path, "problem": flaw.problem, "do": flaw.remedy}
                for flaw in error.flaws
            ]
        },
    )


def foreign_source(error: ForeignSourceError) -> Problem:
    """Return what to answer to an event for a source that is not the sender's."""
    return refused(
        status=403,
        code="foreign_source",
        title="This key does not speak for that source",
        detail=str(error),
        do=f"Leave source out, or send {error.bound!r}; or use a key that is bound to the other.",
    )


def away(error: TransientError) -> Problem:
    """Return what to answer while Kafka does not take events."""
    if isinstance(error, PublishTimeoutError | PublishFailedError):
        return refused(
            status=503,
            code="accept_unknown",
            title="Kafka has not confirmed in time",
            detail="the event may have been accepted, or may not",
            do="Send it again, with the same id, after the seconds that Retry-After names; if it"
            " was accepted, the repeat has no effect.",
            headers=retry_after(),
        )
    if isinstance(error, OverloadedError):
        code, detail = "overloaded", f"{error}; this request was not begun"
    elif isinstance(error, SilentKafkaError):
        code, detail = "kafka_silent", "Kafka has not answered lately; nothing was sent to it"
    else:
        code, detail = "kafka_unavailable", "no Kafka broker answers; nothing was sent"
    return refused(
        status=503,
        code=code,
        title="Events cannot be taken just now",
        detail=detail,
        do="Send it again after the seconds that Retry-After names.",
        headers=retry_after(),
    )


def unsupported_media() -> Problem:
    """Return what to answer to a content type that carries no events."""
    return refused(
        status=415,
        code="unsupported_media_type",
        title="No events come in this content type",
        detail="the Content-Type is none that carries CloudEvents in UTF-8",
        do=f"Send {STRUCTURED} (one event), {BATCH} (a list of them), or {BINARY} with the event's"
        " attributes in ce-* headers.",
    )


def encoded_body() -> Problem:
    """Return what to answer to a body that is compressed."""
    return refused(
        status=415,
        code="encoded_body",
        title="Compressed bodies are not taken",
        detail="the Content-Encoding is not identity",
        do="Send the body as it is, without Content-Encoding.",
        headers={"accept-encoding": "identity"},
    )


def body_too_large(most: int) -> Problem:
    """Return what to answer to a body of more than *most* bytes."""
    return refused(
        status=413,
        code="too_large",
        title="The body is larger than allowed",
        detail=f"more than {most} bytes",
        do=f"Send at most {most} bytes at a time, and link to what is larger.",
    )


def too_many_items(count: int, most: int) -> Problem:
    """Return what to answer to a batch of too many events."""
    return refused(
        status=413,
        code="too_many_items",
        title="The batch holds too many events",
        detail=f"{count} events",
        do=f"Send at most {most} events in one batch.",
    )


def not_a_batch() -> Problem:
    """Return what to answer to a batch that is no list."""
    return refused(
        status=400,
        code="not_a_batch",
        title="The body is not a batch",
        detail="a batch is a JSON array of CloudEvents",
        do=f"Send a list: […]; or one event as {STRUCTURED}.",
    )


def slow_body() -> Problem:
    """Return what to answer to a body that does not come, or breaks off."""
    return refused(
        status=408,
        code="slow_body",
        title="The body did not arrive",
        detail="it took too long, or broke off",
        do="Send it again, at once and whole.",
    )


def unauthorized() -> Problem:
    """Return what to answer to a missing or unknown API key."""
    return refused(
        status=401,
        code="unknown_key",
        title="No known API key",
        detail="the Authorization header is missing or holds a key that is not known",
        do="Send Authorization: Bearer tl_…, with a key that is listed in INTAKE_KEYS_FILE; or, for"
        " acts and policies, a token of an issuer that INTAKE_ISSUERS_FILE lists.",
        headers={"www-authenticate": "Bearer"},
    )


def forbidden(scope: str) -> Problem:
    """Return what to answer to a key without *scope*."""
    return refused(
        status=403,
        code="missing_scope",
        title="This caller may not do that",
        detail=f"it lacks the scope {scope}",
        do=f"Use a key with the scope {scope}, or add it in INTAKE_KEYS_FILE; people get scopes and"
        " roles by their groups, in INTAKE_ISSUERS_FILE.",
    )


def too_fast(wait_s: float) -> Problem:
    """Return what to answer to who sends more than allowed; again after *wait_s* seconds."""
    return refused(
        status=429,
        code="too_fast",
        title="Too many at a time",
        detail="more than this sender's share",
        do="Send it again after the seconds that Retry-After names, and slower.",
        headers={"retry-after": str(min(3600, max(1, -int(-wait_s // 1))))},
    )


def no_ticket(error: NoTicketError) -> Problem:
    """Return what to answer to an address that names no ticket."""
    return refused(
        status=404,
        code="unknown_ticket",
        title="The address names no ticket",
        detail=str(error),
        do="Post to /v1/tickets/{source:ticket}/acts, such as /v1/tickets/desk:INC7/acts.",
    )


def unknown_act(error: UnknownActError, known: Iterable[str]) -> Problem:
    """Return what to answer to an act that there is not."""
    return refused(
        status=422,
        code="unknown_act",
        title="There is no such act",
        detail=str(error),
        do=error.remedy,
        extra={"allowed": list(known)},
    )


def foreign_ticket(source: str, caller: Caller) -> Problem:
    """Return what to answer to an act on a ticket of a source that is not the caller's."""
    return refused(
        status=403,
        code="foreign_source",
        title="This caller does not speak for that source",
        detail=f"{caller.name} does not speak for {source[:100]!r}",
        do="Act on tickets of your own source, or use a key or a token that reaches this one.",
        extra={"allowed": sorted(caller.sources or ())},
    )


def refused_act(detail: str, why: Refused, *, draft: Mapping[str, Any] | None = None) -> Problem:
    """Return what to answer to an act that would be refused; its code is that of `act.refused`.

    Args:
        detail: What is wrong in this case.
        why: The refusal.
        draft: The form as it was kept, to be offered again.
    """
    status, title, do = _REFUSED_ACTS[why.code]
    extra: dict[str, Any] = {
        "missing": [one.model_dump() for one in why.missing],
        "allowed": list(why.allowed),
    }
    return refused(
        status=status,
        code=why.code,
        title=title,
        detail=detail,
        do=do,
        extra=extra if draft is None else {**extra, "draft": dict(draft)},
    )


def not_json_by_type() -> Problem:
    """Return what to answer to an act that does not say that it is JSON."""
    return refused(
        status=415,
        code="unsupported_media_type",
        title="Acts come as JSON",
        detail="the Content-Type is not application/json",
        do="Send Content-Type: application/json.",
    )


def bad_token(error: TokenRefusedError) -> Problem:
    """Return what to answer to a token that proves nothing."""
    return refused(
        status=401,
        code=error.code,
        title="The token proves nothing here",
        detail=str(error),
        do=error.remedy,
        headers={"www-authenticate": 'Bearer error="invalid_token"'},
    )


def provider_away(error: ProviderAwayError) -> Problem:
    """Return what to answer while a token's provider does not say whether it is good."""
    return refused(
        status=503,
        code="provider_away",
        title="The token cannot be checked just now",
        detail=str(error),
        do="Send it again after the seconds that Retry-After names.",
        headers=retry_after(),
    )
