"""``python -m compose.trained``: trains the example model into its cache, for a read-only image.

The cache is the platform's (``XDG_CACHE_HOME``); `driftlog api` reads it as the same user only.
"""

from __future__ import annotations

from api.model import default_cache, load_or_train
from driftlog.terminal import echo

if __name__ == "__main__":
    model = load_or_train()
    echo(f"{model.name} version {model.version} is in {default_cache()}")
