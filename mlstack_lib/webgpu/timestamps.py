"""Moments in the adapter's work, by timestamp queries (W3C, WebGPU, section 20).

A moment is an empty compute pass that writes the time at which it begins: when all that was
recorded before it is done. The times of a block of queries are read at once.
"""

import numpy as np

QUERIES = 4096  # of a block; WebGPU's limit (section 3.6.2)


class Block:
    """A query set, and its times once they are read."""

    def __init__(self, adapter):
        self.adapter, self.used, self.times = adapter, 0, None
        self.queries = adapter.device.create_query_set(type="timestamp", count=QUERIES)

    @property
    def open(self) -> bool:
        """Whether there is room for one more, and none was read."""
        return self.used < QUERIES and self.times is None

    def mark(self, encoder) -> tuple["Block", int]:
        """Record a moment; return what tells it from others."""
        index, self.used = self.used, self.used + 1
        writes = {"query_set": self.queries, "beginning_of_pass_write_index": index}
        encoder.begin_compute_pass(timestamp_writes=writes).end()
        return self, index

    def ticks(self, index: int) -> int:
        """The time of a moment whose encoder was submitted, in the adapter's ticks."""
        if self.times is None:
            data = self.adapter.resolve(self.queries, self.used)
            self.times = np.frombuffer(data, np.uint64).tolist()
        return self.times[index]
