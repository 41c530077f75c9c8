"""The optional compiled kernel: random effects without moderators, for large batches, on request.

It needs numba (the extra ``fast``). It does what ``weighted``, ``tau2`` and ``climb`` do, in the same order
of operations; rows whose one maximum it cannot tell at once are left to NumPy, as are other methods. It
never makes the numbers of ``results.json``.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

import numpy as np

from meta.errors import ModelError
from meta.kernels.batch import BatchFit
from meta.kernels.masks import Floats, Mask, Rows
from meta.kernels.status import Status

#: The kernels by name.
KERNELS = ("numpy", "fast")

#: Smaller batches are left to NumPy: there is nothing to gain.
FEWEST_ROWS = 100

#: Estimators that are compiled, by their number in ``fast_loops``.
FAST_METHODS = {"DL": 0, "PM": 1, "REML": 2, "ML": 3}


def check_kernel(kernel: str) -> None:
    """Raise ModelError if a kernel is unknown, or its extra is not installed."""
    if kernel not in KERNELS:
        raise ModelError(f"kernel must be one of {', '.join(KERNELS)}; got {kernel!r}")
    if kernel == "fast" and find_spec("numba") is None:
        raise ModelError("kernel='fast' needs numba: install the extra with pip install 'trs-meta[fast]'")


def choose_kernel(kernel: str, method: str | None, design: Floats, weights: Floats | None, rows: int) -> str:
    """Return the kernel that makes a batch: the one asked for, or ``numpy`` for what is not compiled."""
    check_kernel(kernel)
    covered = method in FAST_METHODS and weights is None and rows >= FEWEST_ROWS
    return kernel if covered and design.shape[1] == 1 and bool((design == 1.0).all()) else "numpy"


def fill_rows(batch: BatchFit, y: Floats, v: Floats, mask: Mask, method: str, rows: Rows) -> Rows:
    """Fit chosen rows, each of at least two studies, into ``batch``; return those that NumPy must fit."""
    # importing it takes a second and the first call some more: compilation, kept on disk for the next process
    loops = import_module("meta.kernels.fast_loops")
    arrays = [np.ascontiguousarray(np.broadcast_to(a, mask.shape)).view() for a in (y, v, mask)]
    for array in arrays:
        # one type, one compilation, whether the caller's arrays can be written to or not
        array.flags.writeable = False
    numbers: Floats = loops.fit_rows(*arrays, rows, FAST_METHODS[method])
    told = ~np.isnan(numbers[loops.TAU2])
    if told.all():
        done = rows
    else:
        done, numbers = rows[told], np.compress(told, numbers, axis=1)
    tau2 = numbers[loops.TAU2]
    batch.tau2[done], batch.q[done] = tau2, numbers[loops.Q_ZERO]
    batch.residual_q[done] = numbers[loops.Q_HERE]
    batch.coefficients[done, 0] = numbers[loops.MEAN]
    batch.covariance[done, 0, 0] = 1.0 / numbers[loops.TOTAL]
    batch.typical_variance[done] = (batch.k[done] - 1.0) / numbers[loops.TRACE]
    batch.status[done] = np.where(tau2 == 0.0, np.int8(Status.BOUNDARY), np.int8(Status.OK))
    return np.compress(~told, rows)
