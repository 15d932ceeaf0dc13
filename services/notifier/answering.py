"""Answers as the settings have them: letters, links and the routes behind them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fastapi import APIRouter

from services.notifier.api_answers import link_routes, slack_routes
from services.notifier.channels.build import secret
from services.notifier.channels.slack_api import SlackApi
from services.notifier.clerk import Clerk
from services.notifier.settings import Settings
from services.notifier.slack_desk import SlackDesk
from services.notifier.tokens import SHORTEST_KEY, AnswerLinks
from services.notifier.words import Words, WordsError
from shared.runtime.settings import SettingsError


def letters(settings: Settings) -> Words:
    """Return what notices say.

    Raises:
        SettingsError: A letter cannot be read.
    """
    try:
        return Words(
            own=settings.words_dir, language=settings.language, public_url=settings.public_url
        )
    except WordsError as error:
        raise SettingsError(str(error)) from None


def answer_links(settings: Settings, environ: Mapping[str, str]) -> AnswerLinks | None:
    """Return what makes answer links, None where none are wanted.

    Raises:
        SettingsError: The key is not where the setting says, or too short.
    """
    key = secret("answer_key", settings, environ)
    if key is None or settings.answer_url is None:
        return None
    if len(key.get_secret_value().encode()) < SHORTEST_KEY:
        msg = f"{settings.variable('answer_key')}: it has fewer than {SHORTEST_KEY} bytes"
        raise SettingsError(msg)
    return AnswerLinks(settings.answer_url, key, settings.answer_for)


def answer_routes(
    settings: Settings,
    environ: Mapping[str, str],
    clerk: Clerk,
    words: Words,
    slack: SlackApi | None,
) -> Iterator[APIRouter]:
    """Give the routes by which people answer, Slack's first, since a link may be any word.

    Raises:
        SettingsError: A secret is not where its setting says.
    """
    signing = secret("slack_signing_secret", settings, environ)
    if slack is not None and signing is not None:
        yield slack_routes(SlackDesk(clerk, slack, signing, words))
    links = answer_links(settings, environ)
    if links is not None:
        yield link_routes(clerk.database, clerk, links, words)
