"""What the client says that the tracker answers is what the tracker's own models answer."""

from __future__ import annotations

from typing import Any, get_type_hints, is_typeddict

import pytest
from pydantic import BaseModel

from services.tracker import api_drafts, sums
from services.tracker import replies as ours
from shared.contract import explanations
from tierline.client import replies

NAMES: dict[str, Any] = {
    name: one for name, one in vars(replies).items() if is_typeddict(one) and name != "Filters"
}


def model_of(name: str) -> type[BaseModel]:
    """Return the model that is answered where the client reads *name*."""
    if name == "Draft":
        return api_drafts.DraftReply
    found: type[BaseModel] = next(
        vars(module)[name] for module in (ours, sums, explanations) if name in vars(module)
    )
    return found


@pytest.mark.parametrize("name", NAMES)
def test_it_has_the_keys_of_its_model_and_no_other(name: str) -> None:
    assert get_type_hints(NAMES[name]).keys() == model_of(name).model_fields.keys()


@pytest.mark.parametrize("name", NAMES)
def test_what_may_be_null_is_said_to_be(name: str) -> None:
    hints = get_type_hints(NAMES[name])
    for key, field in model_of(name).model_fields.items():
        may_be_null = type(None) in getattr(field.annotation, "__args__", ())
        assert may_be_null == (type(None) in getattr(hints[key], "__args__", ())), key
