"""The pages for people say what the code does: metrics and verbs, in both directions."""

from __future__ import annotations

import ast
import re

from tests.architecture.source import ROOT, modules

KINDS = {"Counter", "Gauge", "Histogram", "Summary", "Info", "Enum"}
SERIES = re.compile(r"(_bucket|_count|_sum)$")


def metrics_in_code() -> set[str]:
    """Return the name of every metric that a service may serve."""
    return {
        str(call.args[0].value)
        for module in modules()
        for call, name in module.calls()
        if name.startswith("prometheus_client.") and name.partition(".")[2] in KINDS
        if call.args and isinstance(call.args[0], ast.Constant)
    }


def metrics_in_docs() -> set[str]:
    """Return every metric that the operations page names."""
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    return set(re.findall(r"\btierline_[a-z0-9_]+\b", page))


def verbs() -> set[str]:
    """Return the verbs of the Makefile that help shows."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z][a-z0-9-]*):.*?## ", makefile, flags=re.MULTILINE))


def said_verbs() -> set[str]:
    """Return every `make VERB` that README and CONTRIBUTING set as code."""
    pages = "\n".join((ROOT / name).read_text("utf-8") for name in ("README.md", "CONTRIBUTING.md"))
    return set(re.findall(r"(?:^|`)make ([a-z][a-z0-9-]*)", pages, flags=re.MULTILINE))


def test_the_code_has_metrics_of_the_runtime_and_of_services() -> None:
    assert {"tierline_consumer_lag_records", "tierline_intake_accepted_events_total"} <= (
        metrics_in_code()
    )


def test_every_metric_is_explained_to_operators() -> None:
    assert metrics_in_code() - metrics_in_docs() == set()


def test_operators_read_of_no_metric_that_does_not_exist() -> None:
    known = metrics_in_code()
    said = {name if name in known else SERIES.sub("", name) for name in metrics_in_docs()}
    assert said - known == set()


def test_every_verb_is_in_the_readme_or_in_contributing() -> None:
    assert verbs() - said_verbs() == set()


def test_the_readme_and_contributing_name_no_verb_that_does_not_exist() -> None:
    assert said_verbs() - verbs() == set()
