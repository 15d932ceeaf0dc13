"""What helpdesks post, and how it is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from services.intake.core.hooks.places import Posted
from services.intake.core.hooks.shape import HookMapping
from services.intake.core.hooks.telling import Story, tell
from services.intake.hooks.mappings import load_mappings

BODIES: Final = Path(__file__).parent / "bodies"
RECEIVED: Final = datetime(2026, 11, 2, 9, 31, tzinfo=UTC)


class Sample(NamedTuple):
    """One body of a product, and the events that it is."""

    product: str
    content: Mapping[str, Any]

    @property
    def posted(self) -> Posted:
        """Body and headers."""
        headers = self.content.get("headers", {})
        return Posted(
            json.loads(json.dumps(self.content["body"])),
            {name.lower(): text for name, text in headers.items()},
        )


def document(product: str) -> dict[str, Any]:
    return dict(json.loads((BODIES / f"{product}.json").read_text("utf-8")))


PRODUCTS: Final = sorted(path.stem for path in BODIES.glob("*.json"))
SAMPLES: Final = [
    Sample(product, one) for product in PRODUCTS for one in document(product)["samples"]
]


@pytest.fixture(scope="session")
def mappings() -> Mapping[str, HookMapping]:
    return load_mappings()


def told(mapping: HookMapping, posted: Posted, *, received: datetime = RECEIVED) -> Story:
    return tell(mapping, posted, source=mapping.mapping.name, received=received)


def sample(product: str, name: str) -> Sample:
    return next(one for one in SAMPLES if (one.product, one.content["name"]) == (product, name))
