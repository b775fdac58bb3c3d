"""The console: what the log says of models, signals, incidents and the pipeline, in a browser.

It follows `verdicts`, `alerts`, `actions` and `references` and asks no worker. `history` folds
records into a bounded memory; `fleet`, `model`, `signal`, `incident`, `feed` and `pipeline` make
of it and the clock what `views` describes, which the pages and ``/api/v1`` show alike; `reading`,
`stream`, `acting` and `app` do what must be done with brokers and browsers.
"""
