"""How the numeric kernels are compiled: one place for numba's options."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile a function over arrays to machine code at its first call.

    The code is cached on disk beside the source. Where that place is read-only (a container's
    root) numba refuses to cache, and the function is compiled anew in each process instead; set
    ``NUMBA_CACHE_DIR`` to a writable folder to avoid that.

    ``fastmath`` stays off: results must not depend on how a compiler reorders sums.

    >>> import numpy as np
    >>> @kernel
    ... def total(x):
    ...     t = 0.0
    ...     for v in x:
    ...         t += v
    ...     return t
    >>> float(total(np.array([1.0, 2.0])))
    3.0
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    try:
        return cast("Function", numba.njit(cache=True, **options)(function))
    except RuntimeError:  # numba: "no locator available", the source's folder cannot be cached
        return cast("Function", numba.njit(**options)(function))
