"""A service under capture, run as a process of its own: what it is asked it logs, and nothing more.

    python -m tests.chaos.watched_service '{"kafka": "127.0.0.1:9092", "prefix": "x."}'

The model is a sum of the inputs, and there is no framework, so that what capture adds stands out.
Says ``serving URL`` at its begin, and at its end one line of JSON: requests answered, events
logged, and what became of them. Without ``kafka`` it is the same service without capture.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import asdict
from typing import Any

import orjson

from driftlog.asgi import CaptureMiddleware
from driftlog.capture import Capture
from driftlog.serving import bind, serve

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Service:
    """An ASGI application that answers each POST with a prediction of its JSON body."""

    def __init__(self, capture: Capture | None) -> None:
        self.answered = 0
        self.logged = 0
        self._capture = capture

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve the lifespan, or one request."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        inputs = orjson.loads(body)
        confidence = sum(v for v in inputs.values() if isinstance(v, float)) % 1.0
        prediction = "late" if confidence > 0.5 else "on_time"
        outputs: dict[str, Any] = {"prediction": prediction, "confidence": confidence}
        if self._capture is not None:
            self._capture.log(inputs, outputs, segment=inputs["origin"])
            self.logged += 1
        answer = orjson.dumps(outputs)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})
        self.answered += 1


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def main(config: dict[str, Any]) -> None:
    """Serve until SIGINT or SIGTERM, then tell the account."""
    sock, url = bind("127.0.0.1", 0)
    capture = None
    if config.get("kafka"):
        capture = Capture(
            model="flight-delay",
            version="1",
            bootstrap=config["kafka"],
            prefix=config["prefix"],
            buffer=config.get("buffer", 10_000),
        )
    service = Service(capture)
    with sock:
        print(f"serving {url}", flush=True)
        serve(service if capture is None else CaptureMiddleware(service, capture), sock)
    account: dict[str, float] = {"answered": service.answered, "logged": service.logged}
    account["cpu_seconds"] = time.process_time()
    if capture is not None:
        capture.close()
        account |= asdict(capture.counts)
    print(json.dumps(account), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
