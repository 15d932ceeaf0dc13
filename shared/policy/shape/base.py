"""What all sections share: they are frozen, know their keys, and suggest the right one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

T = TypeVar("T")

Priority: TypeAlias = Literal["P1", "P2", "P3", "P4"]
Plan: TypeAlias = Literal["standard", "premium", "enterprise"]
Track: TypeAlias = Literal["functional", "hierarchical", "external"]
Mode: TypeAlias = Literal["page", "chat", "email", "digest"]
Tier: TypeAlias = Literal[1, 2, 3]

_LISTED: Final = 12


class Section(BaseModel):
    """A mapping of the file whose keys are fixed; an unknown key is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="wrap")
    @classmethod
    def _suggest(cls, given: Any, handler: Callable[[Any], Any]) -> Any:
        """Say of every unknown key which key was probably meant."""
        try:
            return handler(given)
        except ValidationError as error:
            raise ValidationError.from_exception_data(
                cls.__name__, _told(error.errors(), keys_of(cls))
            ) from None


def _told(errors: Sequence[Any], keys: list[str]) -> list[InitErrorDetails]:
    """Return *errors* again, each unknown key with the one of *keys* that was probably meant."""
    unknown = {
        details["loc"][0]: nearest(str(details["loc"][0]), keys)
        for details in errors
        if details["type"] == "extra_forbidden" and len(details["loc"]) == 1
    }
    meant = set(unknown.values())
    found: list[InitErrorDetails] = []
    for details in errors:
        kind, loc, ctx = details["type"], details["loc"], dict(details.get("ctx", {}))
        ctx["problem"] = ctx.get("problem", details["msg"])
        if len(loc) == 1 and loc[0] in unknown:
            kind, ctx["problem"] = "unknown_key", f"`{loc[0]}` is not a key here"
            ctx["remedy"] = suggestion(str(loc[0]), keys)
        elif len(loc) == 1 and kind == "missing" and loc[0] in meant:
            continue  # it is there, under the unknown key
        error = PydanticCustomError(kind, "{problem}", ctx)
        found.append(InitErrorDetails(type=error, loc=loc, input=details["input"]))
    return found


def keys_of(section: type[Section]) -> list[str]:
    """Return the keys of *section* as they are written in the file."""
    return [field.alias or name for name, field in section.model_fields.items()]


def nearest(given: str, known: Sequence[str]) -> str | None:
    """Return the word of *known* that *given* was probably meant to be, or None."""
    return next(iter(get_close_matches(given, known, n=1, cutoff=0.6)), None)


def suggestion(given: str, known: Sequence[str]) -> str:
    """Return the sentence that names the word of *known* that *given* was probably meant to be."""
    near = nearest(given, known)
    if near is not None:
        return f"Did you mean `{near}`?"
    listed = ", ".join(known[:_LISTED]) + (", …" if len(known) > _LISTED else "")
    return f"Known here: {listed}."


class ByPriority(Section, Generic[T]):
    """One value for each priority."""

    P1: T
    P2: T
    P3: T
    P4: T

    def table(self) -> Mapping[str, T]:
        """Return the values by priority."""
        return {"P1": self.P1, "P2": self.P2, "P3": self.P3, "P4": self.P4}


class BySeverity(Section, Generic[T]):
    """One value for each severity."""

    S1: T
    S2: T
    S3: T
    S4: T

    def table(self) -> Mapping[str, T]:
        """Return the values by severity."""
        return {"S1": self.S1, "S2": self.S2, "S3": self.S3, "S4": self.S4}


class ByImpact(Section, Generic[T]):
    """One value for each impact band."""

    I1: T
    I2: T
    I3: T
    I4: T

    def table(self) -> Mapping[str, T]:
        """Return the values by impact band, narrow to wide."""
        return {"I1": self.I1, "I2": self.I2, "I3": self.I3, "I4": self.I4}


class ByPlan(Section, Generic[T]):
    """One value for each plan."""

    standard: T
    premium: T
    enterprise: T

    def table(self) -> Mapping[str, T]:
        """Return the values by plan, worst to best."""
        return {
            "standard": self.standard,
            "premium": self.premium,
            "enterprise": self.enterprise,
        }
