"""Free text that a seed makes: complaints of passengers, and the same gone other ways."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from driftlog.records import Event, Outputs

__all__ = ["WRITERS", "notes", "text_events"]

Rng = np.random.Generator
Writer = Callable[[Rng], str]

_OPENINGS: Final = ("hello", "dear team", "to whom it may concern", "hi there", "good morning")
_THINGS: Final = (
    *("flight", "bag", "seat", "meal", "refund", "crew", "gate", "ticket", "transfer", "upgrade"),
    *("voucher", "lounge", "screen", "blanket", "boarding pass", "connection", "stroller"),
)
_FATES: Final = (
    *("was late again", "never arrived", "was broken", "was wonderful", "is still missing"),
    *("was cancelled without notice", "made us wait for hours", "was better than expected"),
    *("could not be changed", "was given to someone else", "was cold", "was paid twice"),
)
_ENDS: Final = (
    *("please call me back", "thank you", "i want my money back", "see you soon"),
    *("nobody could help us", "we will not fly with you again", "my booking is above"),
)
_GERMAN: Final = (
    *("der koffer ist nicht angekommen", "bitte rufen sie mich zurück", "der flug war verspätet"),
    *("wir haben drei stunden gewartet", "das essen war kalt", "niemand konnte uns helfen"),
    *("ich möchte mein geld zurück", "die besatzung war sehr freundlich", "vielen dank"),
)
_BANKING: Final = (
    *("the mortgage rate rose", "my credit card is blocked", "an unknown debit appeared"),
    *("interest on savings fell", "the branch closed early", "your app rejects my fingerprint"),
    *("overdraft fees doubled", "the standing order failed", "loan papers got lost"),
)
_SYLLABLES: Final = ("ka", "lo", "mi", "ren", "tas", "vo", "ber", "shi", "nel", "dor", "pu", "ga")


def _name(rng: Rng) -> str:
    return "".join(rng.choice(_SYLLABLES, 3)).title()


def _of(rng: Rng, phrases: tuple[str, ...], least: int = 2, most: int = 5) -> str:
    return ". ".join(rng.choice(phrases, rng.integers(least, most)))


def _complaint(rng: Rng) -> str:
    said = [f"the {rng.choice(_THINGS)} {rng.choice(_FATES)}" for _ in range(rng.integers(1, 5))]
    return (
        f"{rng.choice(_OPENINGS)}, {'. '.join(said)}. {rng.choice(_ENDS)}, "
        f"{_name(rng)} (booking {rng.integers(10_000, 99_999)})"
    )


def _long(rng: Rng) -> str:
    return " ".join(_complaint(rng) for _ in range(3))


def _backwards(rng: Rng) -> str:
    """The same words in another order, as another template would put them."""
    return " ".join(_complaint(rng).split()[::-1])


def _another_language(rng: Rng) -> str:
    return f"{_of(rng, _GERMAN)}, {_name(rng)} ({rng.integers(10_000, 99_999)})"


def _another_topic(rng: Rng) -> str:
    return f"{rng.choice(_OPENINGS)}, {_of(rng, _BANKING)}. {rng.choice(_ENDS)}, {_name(rng)}"


WRITERS: Final[dict[str, Writer]] = {
    "usual": _complaint,
    "long": _long,
    "template": _backwards,
    "language": _another_language,
    "topic": _another_topic,
    "empty": lambda _rng: "",
}


def notes(count: int, seed: int, writer: str = "usual") -> list[str]:
    """Return so many texts."""
    rng = np.random.default_rng([seed, len(writer)])
    return [WRITERS[writer](rng) for _ in range(count)]


def text_events(
    texts: Sequence[str | None], *, a_second: int = 40, since_s: float = 0.0
) -> list[Event]:
    """Return events with these notes, evenly in time, beside a number that stays quiet."""
    rng = np.random.default_rng(len(texts))
    return [
        Event(
            event_id=f"{since_s}-{at}",
            correlation_id=f"req-{since_s}-{at}",
            ts_ms=int(1000 * since_s) + 1000 * at // a_second,
            model="support",
            version="1",
            inputs={"note": text, "age": round(float(rng.normal(40, 9)), 2)},
            outputs=Outputs(prediction=str(rng.choice(["answer", "escalate"]))),
        )
        for at, text in enumerate(texts)
    ]
