"""Every wrong kernel of the zoo is caught by the conformance cases, with its message."""

from collections import Counter

import pytest
from kernel_zoo import all_mutants, message_about

from mlstack_lib import kernels
from mlstack_lib.devices import device

SUFFIXES = {".cu": "cuda-sim"}  # the device that tries the files of a language
MUTANTS = [mutant for suffix in SUFFIXES for mutant in all_mutants(suffix)]


@pytest.fixture(scope="module", autouse=True)
def compiled_once(tmp_path_factory):
    """The simulator's libraries of all these tests in one folder of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLSTACK_DATA", str(tmp_path_factory.mktemp("simulator")))
        yield


@pytest.fixture(autouse=True)
def own_cache_folder():
    """Not one for each test: the libraries are in `compiled_once`."""


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_a_wrong_kernel_is_caught_with_its_message(mutant, tmp_path, tally):
    dev = device(SUFFIXES[mutant.suffix])
    if why := dev.missing():
        pytest.skip(f"device {dev.name}: {why}")
    assert mutant.says in message_about(mutant, dev, tmp_path)
    tally(f"wrong {mutant.suffix} kernels caught")


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_the_text_to_replace_is_in_the_packaged_file_exactly_once(mutant):
    assert mutant.find != mutant.replace
    mutant.text()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_packaged_kernel_has_at_least_three_mutants(suffix):
    counts = Counter(mutant.kernel for mutant in all_mutants(suffix))
    packaged = {path.stem for path in kernels.PACKAGED.glob(f"*{suffix}")}
    packaged -= {"matmul_bf16"}  # exercise 9.9: its mutants are in mutants_09.py
    assert set(counts) == packaged
    assert len(packaged) >= 30  # a search that finds nothing must not pass
    assert min(counts.values()) >= 3, counts
    print(f"{counts.total()} mutants of {len(counts)} kernels: {dict(sorted(counts.items()))}")
