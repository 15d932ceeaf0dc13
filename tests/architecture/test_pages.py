"""The pages that people read, held to the code: settings, metrics, commands, links."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import pytest

from tests.support.compose import defaults, required_variables
from tests.support.house import ROOT, SERVICES, commands, settings_of
from tests.support.reference_tables import PAGE, TABLES, names_on, renewed
from tests.support.servers import SETTING

PAGES: Final = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "deploy").rglob("*.md")),
]
TEXTS: Final = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in PAGES}
PREFIXES: Final = "|".join(
    ["TIERLINE", "KAFKA", "DATABASE", *(service.upper() for service in SERVICES)]
)


def _slugs(text: str) -> set[str]:
    """Return the anchors that headings of *text* have where it is shown."""
    headings = re.findall(r"^#+ +(.+?)\s*$", _without_code(text), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", one).lower()).replace(" ", "-")
        for one in headings
    }


def _without_code(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def test_the_operations_page_has_every_table_once() -> None:
    assert sorted(names_on(PAGE.read_text("utf-8"))) == sorted(TABLES)


def test_its_tables_say_what_the_code_says() -> None:
    page = PAGE.read_text("utf-8")
    assert page == renewed(page), "write them anew: python -m tests.support.reference_tables"


@pytest.mark.parametrize("service", SERVICES)
def test_every_setting_says_what_it_is_for(service: str) -> None:
    fields = settings_of(service).model_fields
    assert [name for name, field in fields.items() if not field.description] == []


@pytest.mark.parametrize("page", TEXTS)
def test_every_variable_that_a_page_names_exists(page: str) -> None:
    named = set(re.findall(rf"\b(?:{PREFIXES})_[A-Z0-9_]*[A-Z0-9]\b", TEXTS[page]))
    known = {cls.variable(f) for cls in map(settings_of, SERVICES) for f in cls.model_fields}
    assert named - known - defaults().keys() - required_variables() - {SETTING} == set()


@pytest.mark.parametrize("page", TEXTS)
def test_every_command_that_a_page_names_exists(page: str) -> None:
    known = {words for words, _ in commands()}
    groups = {words[0] for words in known if len(words) > 1}
    for first, second in re.findall(
        r"\btierline ([a-z-]+)(?: ([a-z][a-z-]*)\b(?!:))?", _commands_in(page)
    ):
        assert (first,) in known, f"tierline {first}"
        if first in groups and second:
            assert (first, second) in known, f"tierline {first} {second}"


def _commands_in(page: str) -> str:
    """Return the code of *page*: what stands in backticks and in blocks."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", TEXTS[page], re.MULTILINE | re.DOTALL)
    return "\n".join([*blocks, *re.findall(r"`([^`\n]+)`", _without_code(TEXTS[page]))])


@pytest.mark.parametrize("page", TEXTS)
def test_every_link_leads_somewhere(page: str) -> None:
    folder = (ROOT / page).parent
    for target in re.findall(r"\]\(([^)\s]+)\)", _without_code(TEXTS[page])):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = unquote(target).partition("#")
        file = folder / path if path else ROOT / page
        assert file.exists(), f"{page} links to {target}"
        if anchor and file.suffix == ".md":
            assert anchor in _slugs(file.read_text("utf-8")), f"{page} links to {target}"


@pytest.mark.parametrize("page", TEXTS)
def test_a_page_has_one_title(page: str) -> None:
    assert len(re.findall(r"^# ", _without_code(TEXTS[page]), re.MULTILINE)) == 1


@pytest.mark.parametrize("page", TEXTS)
def test_a_heading_stands_apart(page: str) -> None:
    # The handbook's pages have lines of their templates before some.
    assert re.findall(r"[^\n}]\n(#+ .*)", _without_code(TEXTS[page])) == []


def test_every_page_below_docs_is_in_their_index() -> None:
    index = TEXTS["docs/README.md"]
    listed = {Path("docs") / target for target in re.findall(r"\]\(([\w./-]+\.md)\)", index)}
    pages = {Path(page) for page in TEXTS if page.startswith("docs/")}
    assert pages - listed == {Path("docs/README.md")}


def test_the_decision_in_the_readme_is_the_one_that_is_made() -> None:
    readme = TEXTS["README.md"]
    (event,) = re.findall(r"<<'EOF'\n(\{.*\})\nEOF\n", readme)
    (options,) = re.findall(r"tierline simulate \S+ (--until \S+)", readme)
    at, because = re.findall(r'```json\n("2026.*")\n(\{.*\})\n```', readme)[0]
    done = subprocess.run(
        [Path(sys.executable).parent / "tierline", "simulate", "-", *options.split()],
        input=event, check=True, capture_output=True, text=True,
    )  # fmt: skip
    made = [json.loads(line) for line in done.stdout.splitlines()]
    moves = [(one["time"], one["data"]["because"]) for one in made if one["type"] == "tier.changed"]
    assert moves == [(json.loads(at), json.loads(because))]
