"""Evidently's own PSI over tumbling windows; runs in an environment of its own (pandas below 3).

``python psi.py IN.npz OUT.npz``: IN holds ``reference`` (S, m), ``rows`` (S, n) and ``windows``
(W,) in rows; OUT gets ``psi_<window>`` (S, n // window), as its test for drift computes it.
"""

import sys
from typing import Any

import numpy as np
import pandas as pd
from evidently.legacy.calculations.stattests import psi_stat_test
from evidently.legacy.core import ColumnType


def main() -> None:
    """Read, compute, write."""
    given = np.load(sys.argv[1], allow_pickle=False)
    reference = [pd.Series(one) for one in given["reference"]]
    found: dict[str, Any] = {}
    for window in given["windows"].tolist():
        rows = given["rows"]
        count = rows.shape[1] // window
        out = np.empty((len(rows), count))
        for s, usual in enumerate(reference):
            for w in range(count):
                now = pd.Series(rows[s, w * window : (w + 1) * window])
                out[s, w] = psi_stat_test.func(usual, now, ColumnType.Numerical, 0.1)[0]
        found[f"psi_{window}"] = out
    np.savez(sys.argv[2], **found)


if __name__ == "__main__":
    main()
