"""From events to the reference profile of each signal; `stream.profile` puts them together."""
