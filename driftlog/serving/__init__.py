"""Serves an ASGI app on a port, to those who may ask and in bounds: worker, service, console.

A server of the project is made of three calls: ``Policy.of`` from its settings and address, a
``Guard`` around its app, and `running` or `serve` by the same policy.
"""

from driftlog.serving.exemplar import exemplar
from driftlog.serving.guard import Guard, known
from driftlog.serving.policy import Policy
from driftlog.serving.server import bind, running, serve

__all__ = ["Guard", "Policy", "bind", "exemplar", "known", "running", "serve"]
