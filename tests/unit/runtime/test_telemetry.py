"""One line for each thing said, whatever the user wrote into it."""

import json
import subprocess
import sys

SCRIPT = """
import logging, structlog
from pydantic import SecretStr
from shared.runtime.telemetry import configure_logging
configure_logging("sample", "{form}")
log = structlog.get_logger()
log.info("ticket opened", title='a\\n{{"level":"error"}}', secret=SecretStr("hush"), waited_s=1.5)
logging.getLogger("some.library").warning("said by %s", "a library")
for port in range(100):
    logging.getLogger("aiokafka.client").error("Unable connect to %s", port)
try:
    1 / 0
except ZeroDivisionError as error:
    log.error("crashed", exc_info=error)
"""


def said(form: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(form=form)], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_a_line_break_in_a_title_stays_inside_its_value() -> None:
    lines = [json.loads(line) for line in said("json")]
    assert len(lines) == 4
    first = lines[0]
    assert first["event"] == "ticket opened"
    assert first["title"] == 'a\n{"level":"error"}'
    assert (first["level"], first["service"], first["waited_s"]) == ("info", "sample", 1.5)
    assert first["at"].endswith("Z")
    assert "hush" not in json.dumps(lines)


def test_libraries_speak_in_the_same_form() -> None:
    second = json.loads(said("json")[1])
    assert second["event"] == "said by a library"
    assert (second["level"], second["service"]) == ("warning", "sample")


def test_what_a_kafka_client_repeats_is_said_once() -> None:
    complaints = [line for line in said("json") if "Unable connect" in line]
    assert len(complaints) == 1


def test_an_error_comes_with_its_trace_in_one_line() -> None:
    assert "ZeroDivisionError" in json.loads(said("json")[3])["exception"]


def test_people_may_have_text_instead() -> None:
    assert any("ticket opened" in line and not line.startswith("{") for line in said("text"))
