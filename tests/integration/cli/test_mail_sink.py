"""The mail server of one machine."""

import mailbox
from contextlib import closing
from email.header import decode_header, make_header
from email.message import EmailMessage
from pathlib import Path

import aiosmtplib

from cli.mail_sink import MailSink


def a_mail(subject: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "a@example.org", "b@example.org", subject
    mail.set_content("From here on, ü is a letter.\n")
    return mail


def kept(file: Path) -> list[str]:
    """Return the subjects that a mail program shows of *file*."""
    with closing(mailbox.mbox(file)) as box:
        return [str(make_header(decode_header(message["Subject"]))) for message in box]


async def test_every_message_is_kept_where_mail_programs_find_it(tmp_path: Path) -> None:
    file = tmp_path / "new" / "mail.mbox"
    seen: list[str] = []
    async with MailSink(file, lambda mail: seen.append(str(mail["Subject"]))) as sink:
        port = int(sink.variables["NOTIFIER_SMTP_PORT"])
        for subject in ("one", "zwei ü"):
            await aiosmtplib.send(a_mail(subject), hostname="127.0.0.1", port=port)
    assert kept(file) == seen == ["one", "zwei ü"]
    assert sink.taken == 2


async def test_a_second_run_adds_to_what_the_first_kept(tmp_path: Path) -> None:
    for subject in ("one", "two"):
        async with MailSink(tmp_path / "mail.mbox") as sink:
            port = int(sink.variables["NOTIFIER_SMTP_PORT"])
            await aiosmtplib.send(a_mail(subject), hostname="127.0.0.1", port=port)
    assert kept(tmp_path / "mail.mbox") == ["one", "two"]
