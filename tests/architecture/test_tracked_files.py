"""What is committed runs anywhere: no address, path or name of the machine it was written on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from tests.architecture.source import ROOT, tracked_files

# Hosts that a reader may be sent to, or that are names of a standard. Everything else in an
# example is a documentation name (example.org), a loopback or a private address.
KNOWN_HOSTS = {
    "adaptivecards.io",
    "api.slack.com",
    "api.twilio.com",
    "slack.com",
    "cloudevents.io",
    "creativecommons.org",
    "docs.python.org",
    "doi.org",
    "github.com",
    "hooks.slack.com",
    "json-schema.org",
    "keepachangelog.com",
    "kafka.apache.org",
    "semver.org",
    "www.apache.org",
    "www.asyncapi.com",
    "www.postgresql.org",
    "www.rfc-editor.org",
    "www.w3.org",
}
URL_HOST = re.compile(r"https?://(?:[^\s/@\"'<>]*@)?([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)")
PATHS = {
    "a home or work folder of one machine": re.compile(
        r"(?<![\w.~$}>-])/(?:work|root|home|Users|mnt)/\w"
    ),
    "a folder beside the repository": re.compile(r"(?:\.\./)+shared\b"),
    "a Windows drive": re.compile(r"(?<![A-Za-z])[A-Z]:\\\w"),
}
INDEX_OPTIONS = re.compile(r"--(?:extra-|default-)?index(?:-url)?[ =]|--find-links|trusted-host")
LOCKS = sorted(path for path in tracked_files() if path.parent == ROOT / "requirements")


def text_files() -> Iterator[tuple[Path, str]]:
    for path in tracked_files():
        if path.parent.name == "vendor":
            continue  # what others wrote, unchanged; NOTICE says whose it is
        try:
            yield path.relative_to(ROOT), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


TEXTS = list(text_files())


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path}:{number} {line.strip()}"
        for path, text in TEXTS
        if pattern.search(text)
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]


def may_be_named(host: str) -> bool:
    if host in KNOWN_HOSTS or re.search(r"(?:^|\.)example(?:\.(?:com|net|org))?$", host):
        return True
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("kind", PATHS)
def test_no_file_speaks_of(kind: str) -> None:
    assert lines_with(PATHS[kind]) == []


def test_every_address_is_a_known_host_or_an_example() -> None:
    named = {(str(path), host) for path, text in TEXTS for host in URL_HOST.findall(text)}
    assert {(path, host) for path, host in named if not may_be_named(host.lower())} == set()


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_a_list_of_requirements_names_no_index(path: Path) -> None:
    assert not INDEX_OPTIONS.search(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["runtime.txt", "dev.txt", "uv.txt"])
def test_every_locked_requirement_is_exact_and_has_hashes(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8").replace("\\\n", " ")
    entries = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    assert entries
    assert [line for line in entries if not re.match(r"\S+==\S+ .*--hash=sha256:", line)] == []
