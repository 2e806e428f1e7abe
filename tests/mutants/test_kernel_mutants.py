"""Every wrong kernel of the zoo is caught by the conformance cases, with its message."""

from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
from kernel_zoo import all_mutants, in_this_process, message_about

from mlstack_lib import kernels
from mlstack_lib.devices import device
from mlstack_lib.webgpu import adapter

SUFFIXES = {".cu": "cuda-sim", ".wgsl": "webgpu"}  # the device that tries the files of a language
MUTANTS = [mutant for suffix in SUFFIXES for mutant in all_mutants(suffix)]
# What lavapipe computes with: vectors of 4 numbers rather than 8, for the threads of one vector
# never race; and no cache of compiled shaders, which takes one width for the other.
LAVAPIPE = {"LP_NATIVE_VECTOR_WIDTH": "128", "MESA_SHADER_CACHE_DISABLE": "true"}


@pytest.fixture(scope="module", autouse=True)
def compiled_once(tmp_path_factory):
    """The simulator's libraries of all these tests in one folder of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLSTACK_DATA", str(tmp_path_factory.mktemp("simulator")))
        yield


@pytest.fixture(autouse=True)
def own_cache_folder():
    """Not one for each test: the libraries are in `compiled_once`."""


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """said(mutant): the message. WGSL is tried in one child process, which a compiler may end."""
    folder = tmp_path_factory.mktemp("wrong")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in LAVAPIPE.items():
            patch.setenv(name, value)
        child = ProcessPoolExecutor(1, get_context("spawn"), in_this_process)

        def ask(mutant):
            name = SUFFIXES[mutant.suffix]
            if mutant.suffix == ".cu":
                return message_about(mutant, name, folder)
            return child.submit(message_about, mutant, name, folder).result(timeout=300)

        with child:
            yield ask


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_a_wrong_kernel_is_caught_with_its_message(mutant, said, tally):
    dev = device(SUFFIXES[mutant.suffix])
    if why := dev.missing():
        pytest.skip(f"device {dev.name}: {why}")
    if mutant.lacks_barrier and not adapter.is_software(adapter.find_adapter()):
        pytest.skip("webgpu: on a GPU a missing barrier may pass; only a software adapter is asked")
    assert mutant.says in said(mutant)
    tally(f"wrong {mutant.suffix} kernels caught")


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_the_text_to_replace_is_in_the_packaged_file_exactly_once(mutant):
    assert mutant.find != mutant.replace
    assert mutant.says
    mutant.text()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_packaged_kernel_has_at_least_three_mutants(suffix):
    counts = Counter(mutant.kernel for mutant in all_mutants(suffix))
    packaged = {path.stem for path in kernels.PACKAGED.glob("*.cu")}
    packaged -= {"matmul_bf16"}  # exercise 9.9: its mutants are in mutants_09.py
    assert set(counts) == packaged
    assert len(packaged) >= 30  # a search that finds nothing must not pass
    assert min(counts.values()) >= 3, counts
    print(f"{counts.total()} mutants of {len(counts)} kernels: {dict(sorted(counts.items()))}")
