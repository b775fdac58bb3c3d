"""Streaming drift detectors over arrays (signals, rows).

Pure numeric code: it knows no clock, no log, no broker and nothing of the other packages. A new
detector is one file and one line in ``__all__``; the name table follows, and so do the checks of
``tests/detectors``.
"""

from detectors.adwin import ADWIN
from detectors.chi_square import ChiSquare
from detectors.contract import Detector
from detectors.jensen_shannon import JensenShannon
from detectors.kolmogorov_smirnov import KolmogorovSmirnov
from detectors.level_shift import LevelShift
from detectors.page_hinkley import PageHinkley
from detectors.page_hinkley_classic import ClassicPageHinkley
from detectors.psi import PSI
from detectors.spread import Spread
from detectors.wasserstein import Wasserstein

__all__ = [
    "ADWIN",
    "PSI",
    "ChiSquare",
    "ClassicPageHinkley",
    "JensenShannon",
    "KolmogorovSmirnov",
    "LevelShift",
    "PageHinkley",
    "Spread",
    "Wasserstein",
]

DETECTORS: dict[str, type[Detector]] = {globals()[cls].name: globals()[cls] for cls in __all__}
