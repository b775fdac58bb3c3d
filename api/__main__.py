"""``python -m api``: the example service, with capture when a broker is named."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from api.model import NAME, Parameters, load_or_train
from api.service import create_app
from driftlog.capture import Capture
from driftlog.errors import DriftlogError
from driftlog.logs import log_to_stderr
from driftlog.printable import printable
from driftlog.serving import Policy, bind, serve
from driftlog.settings import load_settings
from driftlog.terminal import echo


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="Settings file (driftlog.toml).")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, help="Port; 0 takes a free one.")
@click.option("--kafka", help="Broker, host:port; without it no events leave the service.")
@click.option(
    "--cache", type=click.Path(path_type=Path), help="Folder of trained models [XDG cache]."
)
@click.option("--trees", default=Parameters.trees, show_default=True, help="Size of the forest.")
def main(
    config: Path | None, host: str, port: int, kafka: str | None, cache: Path | None, trees: int
) -> None:
    """Serve a model that predicts late departures; the first start trains it.

    Who may ask, and how much, say the settings http.*; an address other than the loopback needs
    http.tokens, or http.username and http.password.
    """
    log_to_stderr("info")
    load = partial(load_or_train, cache, Parameters(trees=trees))
    try:
        settings = load_settings(config, overrides={"kafka.bootstrap": kafka})
        policy = Policy.of(settings.http, host, "--host")
        sock, url = bind(host, port, policy)
        with sock:
            echo(f"{NAME} on {url} (readiness at /readyz, schema at /openapi.json)")
            if kafka is None:
                serve(create_app(load, policy=policy), sock, policy)
                return
            # Leaving the block sends what is still buffered.
            with Capture(settings) as capture:
                serve(create_app(load, capture, policy=policy), sock, policy)
    except DriftlogError as error:
        raise click.ClickException(printable(str(error))) from error


if __name__ == "__main__":
    main()
