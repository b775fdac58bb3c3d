"""A script watched by driftlog: a batch of predictions, and the truth of the first one.

DRIFTLOG_KAFKA=127.0.0.1:9092 python examples/watched_script.py
"""

from driftlog import Capture

with Capture(model="doubler", version="1", deny=["name"]) as capture:
    rows = [{"x": 1.5, "name": "Ada"}, {"x": 2.5, "name": "Grace"}]
    answers = [{"prediction": 3.0, "confidence": 0.9}, {"prediction": 5.0, "confidence": 0.2}]
    ids = capture.log(rows, answers)
    capture.label(ids[0], 3.1)

print(capture.counts)
