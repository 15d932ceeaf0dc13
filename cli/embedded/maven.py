"""Jars from their Maven coordinates, by jgo's pure Python resolver: no Maven, no Java needed."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import requests
from jgo.config import GlobalSettings
from jgo.constants import MAVEN_CENTRAL_URL
from jgo.maven import Artifact, Dependency, MavenContext, PythonResolver
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from cli.embedded.errors import JarsUnavailableError
from cli.embedded.jars import Jar, sha256_of

KAFKA = (
    "org.apache.kafka:kafka_2.13:4.4.0",
    # A platform file of log4j manages kafka-clients too, and would bring an older one that the
    # broker cannot link against.
    "org.apache.kafka:kafka-clients:4.4.0",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.1",
    "org.apache.logging.log4j:log4j-core:2.25.1",
)
_AT_ONCE = 8
_ATTEMPTS = 3
_TIMEOUT_S = 30


def fetch_with_progress(jars: tuple[Jar, ...], folder: Path) -> None:
    """Fetch *jars* into *folder*, showing files and bytes done on standard error.

    Raises:
        JarsUnavailableError: One of them could not be had after three attempts.
    """
    console = Console(stderr=True)
    total = sum(jar.size for jar in jars)
    console.print(
        f"First start on this machine: fetching Apache Kafka, {len(jars)} jars, "
        f"{total / 1e6:.0f} MB.",
        highlight=False,
    )
    columns = (
        TextColumn("{task.fields[done]}/{task.fields[files]} files"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("jars", total=total, done=0, files=len(jars))
        advance = partial(progress.advance, task)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            fetches = [pool.submit(_fetch, jar, folder, advance) for jar in jars]
            try:
                for done, fetched in enumerate(as_completed(fetches), start=1):
                    fetched.result()
                    progress.update(task, done=done)
            finally:
                pool.shutdown(cancel_futures=True)


def resolve_kafka(folder: Path) -> tuple[Jar, ...]:
    """Resolve Kafka and all it needs, download it into *folder*, and return what came.

    Raises:
        JarsUnavailableError: A coordinate could not be resolved or fetched.
    """
    context = _context(folder / "repository")
    wanted = [Dependency(_artifact(coordinate, context), scope="compile") for coordinate in KAFKA]
    try:
        named, needed = context.resolver.resolve(wanted)
        artifacts = [one.artifact for one in (*named, *needed)]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            files = list(pool.map(lambda artifact: Path(artifact.resolve()), artifacts))
    except (requests.RequestException, RuntimeError) as error:
        raise JarsUnavailableError("Apache Kafka", cache=folder, cause=str(error)) from error
    jars = (
        Jar(
            coordinate=":".join(
                part for part in (one.groupId, one.artifactId, one.version, one.classifier) if part
            ),
            file=file.name,
            sha256=sha256_of(file),
            size=file.stat().st_size,
        )
        for one, file in zip(artifacts, files, strict=True)
    )
    return tuple(sorted(jars, key=lambda jar: jar.coordinate))


def _context(repository: Path, resolver: PythonResolver | None = None) -> MavenContext:
    configured = GlobalSettings.load().repositories
    return MavenContext(
        resolver=resolver or PythonResolver(),
        repo_cache=repository,
        remote_repos={"central": MAVEN_CENTRAL_URL, **configured},
        timeout=_TIMEOUT_S,
    )


def _fetch(jar: Jar, folder: Path, advance: Callable[[int], None]) -> None:
    cause = ""
    for attempt in range(_ATTEMPTS):
        repository = folder / f"{jar.file}.{attempt}"
        counted = _Counted(advance)
        try:
            context = _context(repository, PythonResolver(progress_callback=counted.watch))
            Path(_artifact(jar.coordinate, context).resolve()).rename(folder / jar.file)
        except (requests.RequestException, RuntimeError, OSError) as error:
            cause = str(error)
            counted.take_back()
        else:
            shutil.rmtree(repository)
            return
    raise JarsUnavailableError(jar.coordinate, cache=folder.parent, cause=cause)


def _artifact(coordinate: str, context: MavenContext) -> Artifact:
    group, name, version, *classifier = coordinate.split(":")
    component = context.project(group, name).at_version(version)
    return component.artifact(classifier="".join(classifier))


class _Counted:
    """Bytes of one attempt, so that a failed one can be taken off the bar again."""

    def __init__(self, advance: Callable[[int], None]) -> None:
        self._advance = advance
        self._bytes = 0

    @contextmanager
    def watch(self, _name: str, _size: int) -> Iterator[Callable[[int], None]]:
        yield self._add

    def _add(self, count: int) -> None:
        self._bytes += count
        self._advance(count)

    def take_back(self) -> None:
        self._advance(-self._bytes)
        self._bytes = 0
