"""``python -m driftlog``: the same as ``driftlog``."""

from driftlog.cli import main

main(prog_name="driftlog")
