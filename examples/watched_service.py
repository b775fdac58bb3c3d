"""A FastAPI service watched by driftlog. The five lines with ``capture`` are all it takes.

DRIFTLOG_KAFKA=127.0.0.1:9092 uvicorn --app-dir examples watched_service:app
"""

from fastapi import FastAPI

from driftlog import Capture, CaptureMiddleware

capture = Capture(model="doubler", version="1")
app = FastAPI()
app.add_middleware(CaptureMiddleware, capture=capture, paths=["/predict"])


@app.post("/predict")
def predict(x: float) -> dict[str, float | str]:
    """Answer with a prediction, and with the event id by which its label can follow."""
    y = 2 * x
    return {"y": y, "event_id": capture.log({"x": x}, {"prediction": y})}
