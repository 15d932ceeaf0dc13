"""`tierline channels`: what there is, and what letters look like."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.channels.command import Sink, app
from services.notifier.words import Words

LETTERS = Words().letters
HOSTILE = "<!channel> @here </p><script>\r\nBcc: x {{ 7 * 7 }}"


def run(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(words))
    return result.exit_code, result.stdout, result.stderr


def test_list_names_channels_letters_and_languages() -> None:
    code, out, _ = run("list", "--json")
    said = json.loads(out)
    assert code == 0
    assert {"slack", "email", "sms"} <= said["channels"].keys()
    assert {"raise_notice", "exec_summary", "customer_progress"} <= set(said["letters"])
    assert "en" in said["languages"]


@pytest.mark.parametrize("letter", LETTERS)
def test_every_letter_can_be_looked_at_in_every_language(letter: str) -> None:
    for language in Words().languages:
        code, out, err = run("preview", letter, "--language", language, "--title", HOSTILE)
        assert (code, err) == (0, "")
        assert out.startswith("Subject: ")


@pytest.mark.parametrize("sink", list(Sink))
def test_a_letter_is_escaped_for_its_sink(sink: Sink) -> None:
    code, out, _ = run("preview", "raise_notice", "--for", sink, "--title", HOSTILE)
    assert code == 0
    assert "49" not in out
    if sink in (Sink.HTML, Sink.SLACK):
        assert "<script" not in out
    if sink in (Sink.SLACK, Sink.TEAMS, Sink.JSON):
        assert "<!channel>" not in out
        assert "@here" not in out


def test_a_letter_of_one_s_own_wins_and_a_broken_one_is_named(tmp_path: Path) -> None:
    own = tmp_path / "en"
    own.mkdir()
    (own / "stand_down.txt").write_text("Done with {{ ticket }}\n---\nRest.\n", encoding="utf-8")
    code, out, _ = run("preview", "stand_down", "--words", str(tmp_path))
    assert (code, out) == (0, "Subject: Done with desk:INC7\n\nRest.\n\n")
    (own / "stand_down.txt").write_text("{{ nothing_of_this_name }}\n---\n", encoding="utf-8")
    code, _, err = run("preview", "stand_down", "--words", str(tmp_path))
    assert code == 1
    assert "stand_down.txt" in err


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}\n---\n",
        "{{ ticket.__init__.__globals__ }}\n---\n",
        "{% for a in range(10 ** 9) %}x{% endfor %}\n---\n",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}\n---\n",
        "{{ [].append(1) }}{{ reasons.append(1) }}\n---\n",
        "{% include '/etc/passwd' %}\n---\n",
        "{% include '../../../etc/passwd' %}\n---\n",
        "{{ 'x' | attr('__class__') }}\n---\n{{ lipsum() }}",
    ],
)
def test_no_letter_reaches_out_of_the_sandbox(text: str, tmp_path: Path) -> None:
    own = tmp_path / "en"
    own.mkdir()
    (own / "stand_down.txt").write_text(text, encoding="utf-8")
    code, out, err = run("preview", "stand_down", "--words", str(tmp_path))
    assert code == 1
    assert "stand_down.txt" in err
    assert "root:" not in out + err


@pytest.mark.parametrize("words", [("pigeon",), ("raise_notice", "--language", "xx")])
def test_what_does_not_exist_is_refused_with_what_does(words: tuple[str, ...]) -> None:
    code, _, err = run("preview", *words)
    assert code == 2
    assert "there are" in err or "no letters" in err
