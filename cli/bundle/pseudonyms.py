"""Personal data out of a case: names become the same pseudonym everywhere, texts go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from shared.contract.events import EVENT_MODELS
from shared.contract.personal import FORMS, INSTANTS, PERSONS, TEXTS

REMOVED: Final = "[removed]"

_ATTRIBUTES: Final = frozenset(
    {"specversion", "id", "source", "type", "subject", "time", "receivedat", "datacontenttype"}
)
_DECIDED_TEXTS: Final = TEXTS - {"reason"}  # of a decision, the reason is a word of the contract
_HANDED_OVER: Final = "escalation.handed_over"


class Pseudonyms:
    """The names that were met, each with its pseudonym, in the order in which they came."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, str]] = {}

    def of(self, kind: str, name: str) -> str:
        """Return the pseudonym of *name* among those of its *kind*, always the same."""
        names = self._known.setdefault(kind, {})
        return names.setdefault(name, f"{kind}-{len(names) + 1}")

    def event(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Return *event* without personal data; what no model of ours knows is left out."""
        model = EVENT_MODELS[event["type"]]
        data = {
            key: self._value(key, value, event["type"])
            for key, value in event["data"].items()
            if key in model.model_fields
        }
        kept = {key: value for key, value in event.items() if key in _ATTRIBUTES}
        return {**kept, "data": data}

    def known(self, value: Any) -> Any:
        """Return *value*, any part of a decision, with every name that was met replaced."""
        match value:
            case Mapping():
                return {key: self._known_under(key, one) for key, one in value.items()}
            case list():
                return [self.known(one) for one in value]
            case _:
                return value

    def _known_under(self, key: str, value: Any) -> Any:
        if key in PERSONS or key in _DECIDED_TEXTS:
            return self._value(key, value, "")
        if key == "about" and isinstance(value, Mapping):
            return {name: self._of_about(name, one) for name, one in value.items()}
        if key == "customers":
            return [self.of("customer", str(one)) for one in value]
        return self.known(value)

    def _of_about(self, key: str, value: Any) -> Any:
        return self.of("customer", str(value)) if key == "customer" else self._value(key, value, "")

    def _value(self, key: str, value: Any, kind: str) -> Any:
        if value is None:
            return None
        if key in PERSONS or (key == "to" and kind == _HANDED_OVER):
            return self.of("person", str(value))
        handlers: Mapping[str, Callable[[Any], Any]] = {
            "customer": self._customer,
            "approved_by": lambda one: {**one, "by": self.of("person", str(one["by"]))},
            **dict.fromkeys(FORMS, self._form),
        }
        if key in handlers:
            return handlers[key](value)
        if key in TEXTS:
            return [] if isinstance(value, list) else REMOVED
        return value

    def _customer(self, customer: Mapping[str, Any]) -> dict[str, Any]:
        named = {
            key: self.of("customer", str(customer[key]))
            for key in ("id", "name")
            if customer.get(key) is not None
        }
        facts = {key: customer[key] for key in ("plan", "vip", "region") if key in customer}
        return named | facts

    def _form(self, form: Mapping[str, Any]) -> dict[str, Any]:
        """Return which fields were filled; of what was written, only times stay."""
        return {key: self._field(key, value) for key, value in form.items()}

    def _field(self, key: str, value: Any) -> Any:
        match value:
            case Mapping():
                return {name: self._field(name, one) for name, one in value.items()}
            case None | bool() | int() | float():
                return value
            case "":
                return value
            case _:
                return value if key in INSTANTS else REMOVED
