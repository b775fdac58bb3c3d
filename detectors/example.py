"""A stream of bins with a known change, for the examples of those that judge a window."""

import numpy as np

from detectors.contract import Reading
from detectors.window_judge import WindowJudge


def watch_a_change(judge: WindowJudge, rng: np.random.Generator) -> tuple[list[int], Reading]:
    """Show 12 panes of 400 rows to a judge of one signal with 12 bins; which alarm, and the last.

    From pane 5 on the upper half of the bins takes two thirds of the rows instead of a half.
    """
    alarms = []
    for pane in range(12):
        p = np.repeat([3, 3] if pane < 5 else [2, 4], 6) / 36
        codes = rng.choice(12, size=(1, 400), p=p).astype(np.int16)
        judge.update(codes, np.zeros((3, 400), dtype=np.int64))
        reading = judge.end_pane(pane)
        alarms += [pane] if reading.alarm[0] else []
    return alarms, reading
