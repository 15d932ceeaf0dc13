"""What the escalator would say to an act: asked before the act is made, and nothing is changed."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Part(BaseModel):
    """The base of everything here."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Missing(Part):
    """A field that an act lacks."""

    field: str = Field(examples=["specific_ask"])
    why: str = Field(
        description="What asks for it.",
        examples=["the form `t1_to_t2` of the policy's required_info asks for it"],
    )


class Refused(Part):
    """Why the act would be refused."""

    code: str = Field(description="As in `act.refused`.", examples=["missing_information"])
    missing: tuple[Missing, ...] = ()
    allowed: tuple[str, ...] = Field(default=(), description="What would be accepted instead.")


class Judgement(Part):
    """What would come of an act just now."""

    ticket: str
    version: int = Field(description="Of the case's last decision; 0: nothing was decided on it.")
    refused: Refused | None = Field(description="Null where it would not be refused.")
