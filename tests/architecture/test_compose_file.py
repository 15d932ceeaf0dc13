"""docker-compose.yml, held to the code that it runs: what it names exists, what it sets is accepted.

No container engine is needed.
"""

import ast
import re
from datetime import timedelta
from typing import Final

import pytest

from cli.embedded.jars import read_lock
from shared.runtime import run
from tests.support import servers
from tests.support.compose import WRITTEN, environment, filled, required_variables
from tests.support.house import PROJECT, ROOT, SERVICES, command_at, settings_of

SERVERS: Final = ("kafka", "postgres")
JOBS: Final = ("migrate", "topics")
OURS: Final = (*JOBS, *SERVICES)
ALL: Final = (*SERVERS, *OURS)

COMPOSE: Final = filled(dict.fromkeys(required_variables(), "a0"))["services"]


def _seconds(text: str) -> float:
    number, unit = re.fullmatch(r"(\d+)(s|m)", text).groups()  # type: ignore[union-attr]
    return float(number) * {"s": 1, "m": 60}[unit]


# --- docker-compose.yml: what is there -----------------------------------------------------------


def test_the_file_holds_the_servers_the_jobs_and_every_service() -> None:
    assert set(COMPOSE) == set(ALL)


def test_the_file_has_no_version_key() -> None:
    extensions = {name for name in WRITTEN if name.startswith("x-")}
    assert set(WRITTEN) - extensions == {"name", "services", "secrets", "volumes"}


@pytest.mark.parametrize("name", ALL)
def test_an_image_is_pinned_to_a_version(name: str) -> None:
    image, _, tag = COMPOSE[name]["image"].partition(":")
    assert image
    assert re.fullmatch(r"\d+(\.\d+)+", tag), f"{name}: {tag!r} is no version"


@pytest.mark.parametrize("name", OURS)
def test_our_image_has_the_version_of_the_project(name: str) -> None:
    assert COMPOSE[name]["image"] == f"tierline:{PROJECT['version']}"
    assert (ROOT / COMPOSE[name]["build"]["dockerfile"]).is_file()


def test_kafka_is_the_release_that_the_tests_run() -> None:
    (locked,) = (
        jar.coordinate.rpartition(":")[2]
        for jar in read_lock()
        if jar.coordinate.startswith("org.apache.kafka:kafka_2")
    )
    assert COMPOSE["kafka"]["image"] == servers.KAFKA_IMAGE == f"apache/kafka:{locked}"


def test_postgres_is_of_the_major_release_that_the_tests_run() -> None:
    assert COMPOSE["postgres"]["image"].startswith(f"{servers.POSTGRES_IMAGE}.")


@pytest.mark.parametrize("name", OURS)
def test_our_containers_can_change_nothing_but_their_temporary_folder(name: str) -> None:
    ours = COMPOSE[name]
    assert ours["read_only"] is True
    assert ours["tmpfs"] == ["/tmp"]  # noqa: S108  inside the container
    assert ours["cap_drop"] == ["ALL"]
    assert ours["security_opt"] == ["no-new-privileges:true"]


# --- docker-compose.yml: what is run -------------------------------------------------------------


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_runs_the_service_of_its_name(service: str) -> None:
    assert COMPOSE[service]["command"] == ["python", "-m", f"services.{service}"]
    assert (ROOT / "services" / service / "__main__.py").is_file()


@pytest.mark.parametrize("job", JOBS)
def test_a_job_runs_a_command_that_exists_and_needs_no_more_words(job: str) -> None:
    program, *words = COMPOSE[job]["command"]
    assert program == "tierline"
    command = command_at(words)
    assert command is not None, f"there is no command {' '.join(words)}"
    assert [param.name for param in command.params if param.required] == []


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_accepts_its_environment(service: str) -> None:
    settings = settings_of(service).from_env(environment(COMPOSE[service]))
    assert settings.http_host == "0.0.0.0"  # noqa: S104  inside the container
    assert (settings.clock_speed, settings.clock_offset_s) == (1, 0)


@pytest.mark.parametrize("name", OURS)
def test_every_variable_of_ours_is_a_setting(name: str) -> None:
    classes = [settings_of(name)] if name in SERVICES else [settings_of(one) for one in SERVICES]
    known = {one.variable(field) for one in classes for field in one.model_fields}
    assert set(environment(COMPOSE[name])) <= known


@pytest.mark.parametrize("service", SERVICES)
def test_health_is_asked_where_the_service_listens(service: str) -> None:
    settings = settings_of(service).from_env(environment(COMPOSE[service]))
    kind, program, option, code = COMPOSE[service]["healthcheck"]["test"]
    assert (kind, program, option) == ("CMD", "python", "-c")
    ast.parse(code)
    assert f"http://127.0.0.1:{settings.http_port}/health/ready" in code


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_the_time_to_drain_and_is_started_again(service: str) -> None:
    grace = timedelta(seconds=_seconds(COMPOSE[service]["stop_grace_period"]))
    assert grace > timedelta(seconds=run._LONGEST_DRAIN_S)
    assert COMPOSE[service]["restart"] == "unless-stopped"


# --- docker-compose.yml: what waits for what -----------------------------------------------------


@pytest.mark.parametrize("name", OURS)
def test_whoever_uses_a_server_waits_for_it_or_for_the_job_that_prepares_it(name: str) -> None:
    waits = {other: how["condition"] for other, how in COMPOSE[name].get("depends_on", {}).items()}
    uses = set(environment(COMPOSE[name]))
    wanted: dict[str, str] = {}
    if "DATABASE_URL" in uses:
        wanted |= {"migrate": "service_completed_successfully"}
    if "KAFKA_BOOTSTRAP_SERVERS" in uses:
        wanted |= {"topics": "service_completed_successfully"}
    if name in JOBS:
        wanted = {
            "migrate": {"postgres": "service_healthy"},
            "topics": {"kafka": "service_healthy"},
        }[name]
    assert waits == wanted


@pytest.mark.parametrize("name", [*SERVERS, *SERVICES])
def test_what_is_waited_for_can_say_that_it_is_healthy(name: str) -> None:
    assert COMPOSE[name]["healthcheck"]["test"][0] == "CMD"


# --- docker-compose.yml: what is secret, and who can reach it ------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_no_secret_stands_in_the_file(name: str) -> None:
    for variable, value in environment(WRITTEN["services"][name]).items():
        if re.search(r"PASSWORD|SECRET|TOKEN|CLUSTER_ID", variable):
            assert re.fullmatch(r"\$\{\w+:(\?[^}]+|-)\}", value), f"{variable} is written out"
        if variable == "DATABASE_URL":
            assert re.search(r"://\w+:\$\{\w+:\?[^}]+\}@", value), "a password is written out"


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_given_no_password_but_its_own(service: str) -> None:
    written = " ".join(environment(WRITTEN["services"][service]).values())
    given = set(re.findall(r"DATABASE_PASSWORD_(\w+)", written))
    assert given <= {service.upper()}
    if given:
        assert f"postgresql://{service}:" in written


@pytest.mark.parametrize("name", ALL)
def test_a_port_is_open_to_this_host_alone_unless_asked(name: str) -> None:
    for port in COMPOSE[name].get("ports", []):
        assert port.startswith("127.0.0.1:")


@pytest.mark.parametrize("name", OURS)
def test_a_secret_file_that_a_setting_names_is_mounted(name: str) -> None:
    mounted = {f"/run/secrets/{secret}" for secret in COMPOSE[name].get("secrets", [])}
    named = re.findall(r"/run/secrets/\w+", " ".join(environment(COMPOSE[name]).values()))
    assert set(named) == mounted


@pytest.mark.parametrize("name", ALL)
def test_what_is_mounted_exists(name: str) -> None:
    for volume in COMPOSE[name].get("volumes", []):
        source = volume.split(":")[0]
        if source.startswith("."):
            assert (ROOT / source).exists(), f"{name} mounts {source}, which is not there"
        else:
            assert source in WRITTEN["volumes"]
