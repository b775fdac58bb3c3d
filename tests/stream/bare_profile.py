"""A reference profile without signals, for tests of what only looks at its names and times."""

from driftlog.records import ReferenceProfile


def bare_profile(
    reference_id: str, effective_from_ms: int, model: str = "m", version: str = "1"
) -> ReferenceProfile:
    return ReferenceProfile(
        model=model,
        version=version,
        reference_id=reference_id,
        origin="file",
        effective_from_ms=effective_from_ms,
        rows=1,
        span_ms=(0, 0),
        rate=0.0,
        signals=(),
    )
