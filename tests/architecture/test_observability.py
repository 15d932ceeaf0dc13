"""The dashboard and the alert rules name only what the services say of themselves."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.architecture.source import ROOT
from tests.architecture.test_docs import SERIES, metrics_in_code
from tests.architecture.test_pages import TEXTS, _slugs
from tests.support.house import SERVICES

FOLDER = ROOT / "deploy" / "observability"
DASHBOARD = json.loads((FOLDER / "grafana-dashboard.json").read_text("utf-8"))
RULES = [
    rule
    for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
]


def expressions() -> Iterator[tuple[str, str]]:
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for rule in RULES:
        yield rule["alert"], rule["expr"]


@pytest.mark.parametrize(("where", "expression"), list(expressions()))
def test_every_metric_that_is_asked_for_exists_in_the_form_it_is_asked(
    where: str, expression: str
) -> None:
    known = metrics_in_code()
    named = re.findall(r"\btierline_[a-z0-9_]+", expression)
    for name in named:
        assert (name in known) or (SERIES.sub("", name) in known), f"{where}: {name}"
        counted = name.endswith(("_total", "_bucket", "_count", "_sum"))
        assert counted == bool(re.search(rf"(rate|increase)\({name}", expression)), where
    assert named or "up{" in expression


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_says_how_urgent_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["runbook"] in _slugs(TEXTS["docs/operations.md"])
    assert rule["alert"] in TEXTS["docs/operations.md"]


def test_no_two_alerts_or_panels_have_one_name() -> None:
    for names in ([one["alert"] for one in RULES], [one["id"] for one in DASHBOARD["panels"]]):
        assert len(names) == len(set(names))


def test_what_must_be_0_has_an_alert() -> None:
    should_be_0 = {
        "tierline_version_gaps",
        "tierline_watchdog_alarms",
        "tierline_outbox_dead_total",
        "tierline_tracker_conflicts_total",
        "tierline_dead_letters_total",
    }
    asked = set(re.findall(r"\btierline_[a-z0-9_]+", " ".join(rule["expr"] for rule in RULES)))
    assert should_be_0 <= asked


def test_every_service_is_scraped() -> None:
    config = yaml.safe_load((FOLDER / "prometheus.yaml").read_text("utf-8"))
    assert {one["job_name"] for one in config["scrape_configs"]} == set(SERVICES)
