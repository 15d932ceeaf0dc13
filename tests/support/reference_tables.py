"""The tables of settings and metrics in docs/operations.md, made from the code.

A test holds the page to them. After a change of a setting or a metric, write them anew::

    .venv/bin/python -m tests.support.reference_tables
"""

import importlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

from prometheus_client.metrics import MetricWrapperBase
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from shared.runtime import telemetry
from shared.runtime.settings import DatabaseSettings
from tests.support.house import ROOT, SERVICES, settings_of

PAGE: Final = ROOT / "docs" / "operations.md"
_TABLE: Final = re.compile(r"<!-- table: (?P<name>[a-z ]+) -->\n.*?<!-- end -->", re.DOTALL)
# Read by every service under one name; the other fields have the service's own name in front.
_OF_ALL: Final = [
    name
    for name in DatabaseSettings.model_fields
    if len({settings_of(one).variable(name) for one in SERVICES}) == 1
]


def settings_of_all() -> str:
    """Return the settings that have the same name in every service."""
    return _settings((name, DatabaseSettings.model_fields[name]) for name in _OF_ALL)


def settings_table(service: str) -> str:
    """Return the settings of *service* alone."""
    cls = settings_of(service)
    own = ((name, field) for name, field in cls.model_fields.items() if name not in _OF_ALL)
    return _settings(own, variable=cls.variable)


def metrics_table(module: str) -> str:
    """Return the metrics that *module* defines."""
    found = vars(importlib.import_module(module)).values()
    metrics = (one for one in found if isinstance(one, MetricWrapperBase))
    rows = [
        (f"`{_series(one)}`", str(one._type), ", ".join(one._labelnames), one._documentation)
        for one in metrics
    ]
    return _table(("metric", "kind", "labels", "what it says"), rows)


TABLES: Final[Mapping[str, Callable[[], str]]] = MappingProxyType(
    {
        "settings of all": settings_of_all,
        **{f"settings of {one}": partial(settings_table, one) for one in SERVICES},
        "metrics of all": partial(metrics_table, telemetry.__name__),
        **{
            f"metrics of {one}": partial(metrics_table, f"services.{one}.metrics")
            for one in SERVICES
        },
    }
)
"""Each table's name, and what makes it."""


def names_on(page: str) -> list[str]:
    """Return the names of the tables that *page* holds, in order."""
    return [found["name"] for found in _TABLE.finditer(page)]


def renewed(page: str) -> str:
    """Return *page* with every table as the code has it now."""

    def table(found: re.Match[str]) -> str:
        return f"<!-- table: {found['name']} -->\n\n{TABLES[found['name']]()}\n<!-- end -->"

    return _TABLE.sub(table, page)


def _settings(
    fields: Iterable[tuple[str, FieldInfo]],
    variable: Callable[[str], str] = DatabaseSettings.variable,
) -> str:
    rows = [
        (f"`{variable(name)}`", _default(field), field.description or "") for name, field in fields
    ]
    return _table(("variable", "default", "what it says"), rows)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = to_jsonable_python(field.get_default(call_default_factory=True, validated_data={}))
    if value is None or value in ("", []):
        return ""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    shipped = f"{ROOT}/"
    return f"`{text.removeprefix(shipped)}`"


def _series(metric: MetricWrapperBase) -> str:
    return f"{metric._name}_total" if metric._type == "counter" else metric._name


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    def lines() -> Iterator[str]:
        for row in (head, ("---",) * len(head), *rows):
            yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n"

    return "".join(lines())


def main() -> None:
    """Write the tables anew."""
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
