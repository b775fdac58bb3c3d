"""How long a worker may take to end."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import Final

from driftlog.printable import printable

__all__ = ["END_WITHIN_S", "Ending"]

# Supervisors kill after 10 s (docker) or 30 s (Kubernetes); what is killed cannot say why.
END_WITHIN_S: Final = 8.0


_ENGINE: Final = ("aiokafka", "asyncio", "faust", "mode")


def _end_process(code: int, line: str) -> None:
    print(printable(line), file=sys.stderr, flush=True)
    os._exit(code)


class Ending:
    """Ends the process when its orderly end takes too long.

    With the broker away there is nothing to wait for: what is not committed is read again by the
    next worker, from a state that never runs ahead of it.

    Args:
        within: seconds for the orderly end.
        act: ends the process: exit code, line that says why.
    """

    def __init__(
        self, within: float = END_WITHIN_S, act: Callable[[int, str], None] = _end_process
    ) -> None:
        self._within = within
        self._act = act
        self._timer: threading.Timer | None = None
        self._reason: BaseException | None = None

    def begin(self, reason: BaseException | None = None) -> None:
        """The end has begun. Asked for a second time, it comes at once.

        Args:
            reason: what has failed; none: somebody asked for it.
        """
        self._reason = self._reason or reason
        if reason is not None and not logging.getLogger().isEnabledFor(logging.DEBUG):
            # Being torn down, each part of the engine logs a traceback of its own. The one that
            # told of the failure has been written by now.
            for name in _ENGINE:
                logging.getLogger(name).setLevel(logging.CRITICAL)
        if self._timer is not None:
            if reason is None:
                self._give_up()
            return
        # A thread: it also ends a worker whose event loop is blocked.
        self._timer = threading.Timer(self._within, self._give_up)
        self._timer.daemon = True
        self._timer.start()

    def _give_up(self) -> None:
        if self._reason is not None:
            self._act(1, f"driftlog: {self._reason}")
            return
        self._act(
            0,
            "driftlog worker: ended without a last checkpoint, since the orderly end took too long "
            "(is the broker away?); the next start reads again what it would have covered",
        )
