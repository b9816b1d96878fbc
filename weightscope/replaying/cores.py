"""How a run uses the machine's cores: BLAS on one thread each, and the samples of a heavy batch shared out.

Measured: BLAS threads that wait for each other cost an LSTM two thirds of its speed as soon as anything else runs, as
Keras does beside ``verify``; and they leave one core idle in every layer that is no matrix product. A batch cut in two
keeps both busy. Beside Keras, which imports and loads on one core, two threads of ours only take turns with it.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

from threadpoolctl import ThreadpoolController

HEAVY = 200_000  # values that a sample makes on its way through the model: below, threads cost more than they give
TOGETHER = 8  # samples at a time, so that what one layer writes is still in the cache when the next one reads it
_ELSEWHERE = ContextVar("elsewhere", default=0)


@cache
def _blas():
    return ThreadpoolController()


def count():
    """Return how many cores this process may use, without those that are left to others."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores - _ELSEWHERE.get())


@contextmanager
def left_to_others(cores):
    """While entered, so many cores are left to other processes."""
    before = _ELSEWHERE.set(cores)
    try:
        yield
    finally:
        _ELSEWHERE.reset(before)


def shares(samples, values):
    """Return slices that share ``samples`` out among the cores, given how many values each sample makes on its way."""
    if samples < 2 or values < HEAVY:
        return [slice(0, samples)]
    size = min(-(-samples // count()), TOGETHER)
    return [slice(start, min(start + size, samples)) for start in range(0, samples, size)]


def on_one_thread():
    """Return a context in which BLAS keeps to one thread."""
    return _blas().limit(limits=1, user_api="blas")


def in_parallel(function, items):
    """Return ``[function(item) for item in items]``, each on a core of its own, with BLAS on one thread."""
    with on_one_thread():
        threads = min(len(items), count())
        if threads < 2:
            return [function(item) for item in items]
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(function, items))
