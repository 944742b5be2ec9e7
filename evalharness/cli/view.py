"""`evalharness view`: browse a folder of runs: history, verdicts, any two compared."""

from __future__ import annotations

import click

from evalharness.cli.options import OUT, Output, taking
from evalharness.errors import WriteError
from evalharness.stages.options import RunOptions


@click.command(name="view")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=7860,
    show_default=True,
    help="Port on 127.0.0.1; 0 takes a free one.",
)
@taking(OUT)
def command(port: int, options: RunOptions, output: Output) -> int:
    """Serve a folder of runs on the loopback address until Ctrl-C; nothing is written."""
    from evalharness.report.serve import ViewServer

    try:
        server = ViewServer(options.out, port=port)
    except OSError as error:
        raise WriteError(
            f"cannot listen on port {port}: {error.strerror}", mend="--port 0 takes a free one"
        ) from error
    if not output.quiet:
        click.echo(f"{server.url}  (Ctrl-C ends it)")
    with server:
        server.serve_forever()
    return 0
