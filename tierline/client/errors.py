"""The errors of the client, and the problem that an answer tells.

ClientError
├── RefusedError    Tierline says no; `problem` says why, and what to do
├── GaveUpError     no answer in time: it may have been accepted; send it again with the same id
└── AnswerError     what answers there is no Tierline
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem document (RFC 9457).

    Attributes:
        status: The HTTP status.
        code: A word for programs; stable.
        title: What kind of problem it is.
        detail: What is wrong in this case.
        do: What to do about it.
        document: All of it.
    """

    status: int
    code: str
    title: str
    detail: str
    do: str
    document: Mapping[str, Any]

    @property
    def missing(self) -> tuple[str, ...]:
        """The fields that an act lacks; why, `document["missing"]` says."""
        return tuple(one["field"] for one in self.document.get("missing", ()))

    @property
    def allowed(self) -> tuple[str, ...]:
        """What would have been accepted."""
        return tuple(self.document.get("allowed", ()))

    @property
    def draft_id(self) -> str | None:
        """The draft that an act was kept as, which lacked something."""
        draft = self.document.get("draft") or {}
        found: str | None = draft.get("id")
        return found


def problem_in(status: int, document: object) -> Problem | None:
    """Return the problem that *document* tells, or None where it is none."""
    if not isinstance(document, dict):
        return None
    code, title, detail, do = (document.get(name) for name in ("code", "title", "detail", "do"))
    if not (isinstance(code, str) and isinstance(detail, str)):
        return None
    return Problem(status, code, str(title), detail, str(do), document)


class ClientError(Exception):
    """Everything that a client raises on purpose; never raised itself."""


class RefusedError(ClientError):
    """Tierline says no, and would say so again: *problem* says why, and what to do."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.status} {problem.code}: {problem.detail}. {problem.do}")
        self.problem = problem


class GaveUpError(ClientError):
    """Nothing was confirmed before the deadline.

    What was sent may have been accepted, or may not: send it again with the same ids.

    Attributes:
        ids: The ids of what was sent.
        problem: The last answer, where there was one.
    """

    def __init__(self, why: str, ids: Sequence[str], problem: Problem | None) -> None:
        super().__init__(why)
        self.ids = tuple(ids)
        self.problem = problem


class AnswerError(ClientError):
    """What answers at the address is no Tierline, or none that this client understands."""
