"""The plain prompt program: a system message, a Jinja2 template, and the conversation so far.

Reads: nothing.  Gives: `TemplateProgram`, `compile_template`.
Depends on: contracts, records, spec.suite, errors.
Templates run in Jinja2's immutable sandbox: they can read what a sample holds and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from evalharness.errors import SpecError
from evalharness.records import Message, Sample
from evalharness.spec.read import digest_parts
from evalharness.spec.suite import PromptSpec

if TYPE_CHECKING:
    from jinja2 import Template

PLAIN = "{{ input }}"


def compile_template(text: str, *, where: str) -> Template:
    """A template, compiled in the sandbox.

    where: file and path for the error.  Raises SpecError for a syntax error.
    """
    from jinja2 import StrictUndefined, TemplateSyntaxError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False
    )
    try:
        return environment.from_string(text)
    except TemplateSyntaxError as error:
        raise SpecError(
            f"the template has a syntax error in its line {error.lineno}: {error.message}",
            where=where,
            mend="see docs/suites.md for what a template may hold",
        ) from error


def fill(template: Template, values: Mapping[str, Any], *, where: str, sample_id: str) -> str:
    """A template with a sample's values.  Any: metadata is whatever the user's JSON held.

    Raises SpecError for a field that the sample lacks and for a reach into Python's insides.
    """
    from jinja2 import TemplateError, UndefinedError
    from jinja2.exceptions import SecurityError

    try:
        return template.render(values)
    except SecurityError as error:
        raise SpecError(
            f"the template reaches for what it must not: {error}",
            where=f"{where}, sample '{sample_id}'",
            mend="use the sample's own fields only",
        ) from error
    except UndefinedError as error:
        fields = ", ".join(sorted(values))
        raise SpecError(
            f"the template needs what the sample lacks: {error}",
            where=f"{where}, sample '{sample_id}'",
            mend=f"known here: {fields}; map other names with `data.fields`",
        ) from error
    except (
        TemplateError,
        TypeError,
        ValueError,
        ArithmeticError,
        LookupError,
        AttributeError,
        RecursionError,
    ) as error:
        raise SpecError(
            f"the template cannot be filled: {error}", where=f"{where}, sample '{sample_id}'"
        ) from error


def template_values(sample: Sample) -> dict[str, Any]:
    """What a template sees of a sample: its metadata by name, then input, id and metadata."""
    return {
        **sample.metadata,
        **sample.slices,
        "input": sample.input or "",
        "id": sample.id,
        "metadata": sample.metadata,
    }


class TemplateProgram:
    """System message and template for plain inputs; the row's own messages for conversations.

    where: the suite or baseline file, for errors.
    A row's own system message wins over the suite's.
    """

    def __init__(self, spec: PromptSpec, *, where: str) -> None:
        self.spec = spec
        self.where = where
        self.sha256 = digest_parts(spec.system, spec.template, spec.history)
        self._plain = spec.template.strip() == PLAIN
        self._template = (
            None
            if self._plain
            else compile_template(spec.template, where=f"{where}, prompt.template")
        )
        self._system = (
            None
            if spec.system is None
            else compile_template(spec.system, where=f"{where}, prompt.system")
        )

    def render(self, sample: Sample, answers: Sequence[str] = ()) -> tuple[Message, ...]:
        """The messages to send, see `contracts.PromptProgram`."""
        if sample.messages:
            turns = follow_history(sample.messages, self.spec.history, answers)
        else:
            turns = (Message(role="user", content=self.user_text(sample)),)
        if self._system is None or any(turn.role in ("system", "developer") for turn in turns):
            return turns
        return (Message(role="system", content=self._system_text(sample)), *turns)

    def user_text(self, sample: Sample) -> str:
        """The user's turn for a plain input."""
        if self._template is None:
            return sample.input or ""
        place = f"{self.where}, prompt.template"
        return fill(self._template, template_values(sample), where=place, sample_id=sample.id)

    def _system_text(self, sample: Sample) -> str:
        if self._system is None:
            return ""
        place = f"{self.where}, prompt.system"
        return fill(self._system, template_values(sample), where=place, sample_id=sample.id)


def follow_history(
    messages: Sequence[Message], history: str, answers: Sequence[str]
) -> tuple[Message, ...]:
    """A conversation as the model gets to see it.

    history: `gold` keeps the reference answers; `none` leaves every assistant turn out (the
    protocol of Together's CoQA notebook); `predicted` puts the model's own answers in their place.
    answers: the model's answers so far, oldest first; needed for `predicted` only.
    """
    if history == "gold":
        return tuple(messages)
    if history == "none":
        return tuple(turn for turn in messages if turn.role != "assistant")
    own = iter(answers)
    replaced: list[Message] = []
    for turn in messages:
        if turn.role != "assistant":
            replaced.append(turn)
            continue
        text = next(own, None)
        replaced.append(turn if text is None else Message(role="assistant", content=text))
    return tuple(replaced)
