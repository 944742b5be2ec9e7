"""The group of verbs, and the boundary where every error becomes a message and an exit code.

Depends on: click; a verb's module is imported when the verb is used, so that --help is instant.
"""

from __future__ import annotations

import importlib
import os
import shlex
import sys
import traceback

import click

from evalharness.errors import HarnessError

VERBS: dict[str, tuple[str, str]] = {
    "run": ("evalharness.cli.run", "Ask one or more models and score their answers."),
    "score": ("evalharness.cli.score", "Score stored answers; no model, key or network."),
    "judge": ("evalharness.cli.judge", "Let judges judge answers, and pairs of answers."),
    "rate": ("evalharness.cli.rate", "Let people judge answers, blinded; read them back."),
    "compare": ("evalharness.cli.compare", "Compare runs sample by sample; no verdict."),
    "gate": ("evalharness.cli.gate", "Decide: READY, NOT_READY, INCONCLUSIVE or INVALID."),
    "tune": ("evalharness.cli.tune", "Fine-tune a model and gate what it became."),
    "plan": ("evalharness.cli.plan", "Say what a gate takes, before a token is spent."),
    "bless": ("evalharness.cli.bless", "Keep a run as a baseline in git."),
    "report": ("evalharness.cli.report", "Write the reports of runs or gates again."),
    "export": ("evalharness.cli.export", "Write a run as CSV, JSON lines, Parquet or LaTeX."),
    "prices": ("evalharness.cli.prices", "List prices, refresh them, or weigh a rented machine."),
    "cache": ("evalharness.cli.cache", "List or prune the answers kept between runs."),
    "view": ("evalharness.cli.view", "Browse a folder of runs on this machine."),
    "validate": ("evalharness.cli.validate", "Check a suite, a held-out file or a training file."),
    "list": ("evalharness.cli.listing", "List metrics, clients, suites, baselines or runs."),
    "show": ("evalharness.cli.show", "Show a run, or one of its samples whole."),
    "schema": ("evalharness.cli.schema", "Print the JSON Schema of a file, for editors."),
    "init": ("evalharness.cli.init", "Write a working offline example to start from."),
    "doctor": ("evalharness.cli.doctor", "Say what works on this machine and how to mend it."),
}

USAGE, INTERNAL, INTERRUPTED = 64, 70, 130


class Verbs(click.Group):
    """A group that knows its verbs by name and imports one only when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The verbs in the order in which a newcomer meets them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002
        """The verb's command, imported now."""
        if name not in VERBS:
            return None
        command = importlib.import_module(VERBS[name][0]).command
        if not isinstance(command, click.Command):
            raise TypeError(f"{VERBS[name][0]}.command is no click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The table of verbs, without importing any."""
        with formatter.section("Verbs"):
            formatter.write_dl([(name, short) for name, (_, short) in VERBS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, with the nearest verb for a mistyped one."""
        from evalharness.errors import did_you_mean

        if args and args[0] not in VERBS:
            near = did_you_mean(args[0], VERBS)
            raise click.UsageError(f"no verb '{args[0]}'. {near or ''}".rstrip(), ctx)
        return super().resolve_command(ctx, args)


def _version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        from evalharness.version import VERSION

        click.echo(f"evalharness {VERSION}")
        ctx.exit()


@click.command(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    callback=_version,
    expose_value=False,
    is_eager=True,
    help="Show the version and exit.",
)
def cli() -> None:
    """Is this fine-tuned model ready to face real traffic?

    \b
    evalharness init mysuite && evalharness gate mysuite ...   start here
    evalharness gate facts --candidate tuned --baseline base   a real verdict, offline

    Exit codes: 0 READY or success, 1 NOT_READY, 2 INCONCLUSIVE, 3 INVALID, 64 usage, 65 bad data
    or suite, 69 provider or sandbox unavailable, 70 internal error, 73 cannot write, 75 stopped
    by --max-cost, 130 interrupted.
    """  # noqa: D301 - \b is click's mark for text that is not to be wrapped


def public_name(error: HarnessError) -> str:
    """The branch of the error tree: `ClientError` for whatever derives from it."""
    branches = (kind for kind in type(error).__mro__ if HarnessError in kind.__bases__)
    return next(branches, HarnessError).__name__


def main(arguments: list[str] | None = None) -> int:
    """Run a command line; gives its exit code. Prints errors to stderr and raises nothing."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        result = cli.main(args=arguments, prog_name="evalharness", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.UsageError as error:
        error.show()
        return USAGE
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except HarnessError as error:
        click.echo(f"{public_name(error)}: {error}", err=True)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        command = shlex.join(["evalharness", *arguments])
        click.echo(
            f"\ninterrupted; every answer so far is kept. Resume with:\n  {command}", err=True
        )
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the boundary: nothing leaves it as a traceback
        click.echo(f"internal error: {error!r}", err=True)
        if os.environ.get("EVALHARNESS_TRACEBACK"):
            traceback.print_exc()
        else:
            click.echo("  mend:  set EVALHARNESS_TRACEBACK=1 and report what it shows", err=True)
        return INTERNAL
    return result if isinstance(result, int) else 0
