"""How good detection is: false alarms against the budget, delays against the yardstick, peers.

    python -m benchmarks.quality [--quick] [--kind normal ...] [--budget 300 ...] [--out FOLDER]

Everything runs through production code: the profile of a reference, `stream.thresholds`, the pane
step, the lifecycle of signals and incidents. One preset, no tuning to a kind of data, all seeded.
"""
