"""How a time is taken: after a warm-up, several samples, each of as much work as lasts a while."""

import time
from collections.abc import Callable, Hashable
from statistics import median

WARM = 3  # runs before the first sample: a device records at the second and replays from the third
SAMPLES, LEAST_SAMPLES = 20, 3
SECONDS = 5.0  # after which no further sample begins, once there are LEAST_SAMPLES
SAMPLE_SECONDS = 0.02  # what a sample lasts at least
MOST_RUNS = 256  # of a replayed sequence


def sample(run: Callable[[], object], wait: Callable[[], object], per: int = 1) -> dict:
    """Seconds of a part of `run`, which has `per` of them and is waited for by `wait`.

    Returns seconds (the median), least, most and samples.
    """
    for _ in range(WARM):
        run()
    count = max(1, round(SAMPLE_SECONDS / _timed(run, wait, 1)))
    times, began = [], time.perf_counter()
    while len(times) < SAMPLES:
        times.append(_timed(run, wait, count) / per)
        if len(times) >= LEAST_SAMPLES and time.perf_counter() - began > SECONDS:
            break
    return {
        "seconds": median(times), "least": min(times), "most": max(times), "samples": len(times),
    }  # fmt: skip


def sample_replayed(device, key: Hashable, run: Callable[[], object]) -> dict:
    """The same of a few launches, in a sequence that the device replays.

    So that short ones are not timed by what Python takes to launch them.
    """
    for _ in range(2):
        run()
    once = _timed(run, device.synchronize, 1)
    count = min(MOST_RUNS, max(1, round(SAMPLE_SECONDS / once)))

    def body() -> None:
        with device.step(key):
            for _ in range(count):
                run()

    return sample(lambda: device.replay(key, body), device.synchronize, count)


def _timed(run: Callable[[], object], wait: Callable[[], object], count: int) -> float:
    wait()
    began = time.perf_counter()
    for _ in range(count):
        run()
    wait()
    return (time.perf_counter() - began) / count
