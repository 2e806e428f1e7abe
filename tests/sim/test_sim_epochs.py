"""Races after so many barriers that the numbers which the records keep of them begin anew."""

import numpy as np
import pytest

from mlstack_lib import sim

ROUNDS = {"__syncwarp();": 600, "__syncthreads();": 1100}  # two each: 1,024 and 2,048 are counted


def code(sync: str, last: str) -> str:
    """Neighbours swap numbers, adding one, and at the end a thread reads from the other warp."""
    return f"""extern "C" __global__ void k(int* y) {{
  __shared__ int s[64];
  int t = threadIdx.x;
  s[t] = t;
  for (int i = 0; i < {ROUNDS[sync]}; i++) {{
    {sync}
    int v = s[t ^ 1];
    {sync}
    s[t] = v + 1;
  }}
  {last}
  y[t] = s[63 - t];
}}"""


@pytest.mark.parametrize("sync", ROUNDS)
@pytest.mark.parametrize("order", ["forward", "reverse"])
def test_barriers_order_however_many_there_were(sync, order, compiler):
    y = sim.zeros(64, np.int32)
    with sim.config(order=order):
        sim.RawKernel(code(sync, "__syncthreads();"), "k")((1,), (64,), (y,))
    assert y.tolist() == [63 - t + ROUNDS[sync] for t in range(64)]


@pytest.mark.parametrize("sync", ROUNDS)
@pytest.mark.parametrize("order", ["forward", "reverse"])
def test_a_race_is_found_however_many_barriers_there_were(sync, order, compiler):
    kernel = sim.RawKernel(code(sync, ""), "k")
    with sim.config(order=order), pytest.raises(sim.KernelError) as caught:
        kernel((1,), (64,), (sim.zeros(64, np.int32),))
    assert any(f.kind == "race" and 12 in (f.line, f.line2) for f in caught.value.findings)
