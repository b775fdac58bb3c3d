"""The testing kit: what tests against an event log need, for our tests and for yours.

- ``driftlog.testing.embedded``: a Kafka-compatible broker inside the process, with fault calls
- ``driftlog.testing.apache``: a real Apache Kafka, started from Maven's jars
- ``driftlog.testing.plugin``: the pytest plugin (fixtures ``driftlog_broker``, ``driftlog_topic``
  and ``driftlog_kafka``)
- ``driftlog.testing.clock``: a clock moved by hand
- ``driftlog.testing.events``: valid events and labels with seeded values

Nothing is imported here: an installation of the client alone can load the plugin.
"""
