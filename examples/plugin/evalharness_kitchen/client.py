"""keyword/FILE: answers by the first keyword that the question holds, as many help desks do."""

from __future__ import annotations

import json
from pathlib import Path

from evalharness.clients.settings import ClientSettings, refuse_unknown_options
from evalharness.contracts import Capabilities, Identity, Limits
from evalharness.errors import DataError, Permanent
from evalharness.records import Completion, Request


def open_keyword(model: str, settings: ClientSettings) -> Keyword:
    """The client for `keyword/FILE`; FILE is a JSON object, keyword -> answer.

    settings.options holds what a baseline file says under `options`; this client has none.
    """
    refuse_unknown_options(settings.options, (), provider="keyword")
    try:
        answers = json.loads(Path(model).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"no answers by keyword: {error}", where=model) from error
    return Keyword(model, answers)


class Keyword:
    """Keeps `evalharness.contracts.Client`: asks once, raises Transient, Permanent or Fatal."""

    def __init__(self, model: str, answers: dict[str, str]) -> None:
        self.identity = Identity(provider="keyword", model=model)
        self.capabilities = Capabilities(deterministic=True)
        self.limits = Limits()
        self._answers = answers

    async def complete(self, request: Request) -> Completion:
        """The answer to the first keyword; raises Permanent where there is none."""
        if request.kind != "generate":
            raise Permanent("keywords have no probabilities", kind="unsupported")
        question = " ".join(message.content or "" for message in request.messages).lower()
        for keyword, answer in self._answers.items():
            if keyword in question:
                return Completion(text=answer, finish="stop")
        raise Permanent("no keyword is in the question", kind="empty")

    async def close(self) -> None:
        """Nothing is held."""
