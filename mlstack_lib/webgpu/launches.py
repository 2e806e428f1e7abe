"""Launches on WebGPU: bindings, scalars, and the queue.

They go into one compute pass, which is submitted when a step ends, or when the host wants to read
or write. Scalars lie in one uniform buffer, equal ones in one place; bind groups are kept, and of a
body that is replayed the whole sequence.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..array import Array
from ..devices import raw_kernels
from ..errors import CouldNotFinish
from . import trial
from .adapter import ALIGNMENT, LARGEST_BINDING, LARGEST_GRID, WORKGROUP_MEMORY, Adapter
from .kernel import Kernel
from .timestamps import Block

MOST_LAUNCHES = 512  # recorded before they are submitted, outside of a step


class Memory:
    """A buffer of wgpu's, and the keys of the bind groups that name it; they go when it goes."""

    def __init__(self, buffer, groups: dict):
        self.buffer, self.groups, self.keys = buffer, groups, set()
        self.nbytes = buffer.size

    def __del__(self):
        for key in self.keys:
            self.groups.pop(key, None)


def fold(kernel: Kernel, grid, longest: int = LARGEST_GRID) -> tuple[int, int, int]:
    """The grid as WebGPU takes it: what x has beyond `longest` goes on in z, see common.wgsl.

    Raises CouldNotFinish for a longer one of a kernel that does not ask block_x for its place.
    """
    x, y, z = (*grid, 1, 1)[:3]
    if x > longest and z == 1 and kernel.folds:
        z = -(-x // longest)
        x = -(-x // z)
    if max(x, y, z) > LARGEST_GRID:
        hint = "" if kernel.folds else "; block_x(group, groups) counts those that go on in z"
        raise CouldNotFinish(
            f"{kernel.name}: a grid of {grid}; WebGPU takes {LARGEST_GRID:,} a side{hint}"
        )
    return x, y, z


class Kernels(raw_kernels.RawKernels):
    """Arrays, launches and the queue. See raw_kernels.RawKernels."""

    suffix = ".wgsl"

    def __init__(self, device):
        self.adapter = Adapter()
        self.groups: dict = {}  # bind groups by pipeline and bindings
        super().__init__(device, None, self._allocate, None)
        self._pass = self._encoder = None
        self._recorded = 0
        self._block: Block | None = None  # of timestamps
        self._places: dict[bytes, int] = {}  # of scalars in the uniform buffer
        self._copies: dict = {}  # memory for arrays that may not be bound where they are
        self._tape: list | None = None  # what is asked of the queue while a replay is recorded
        self.tapes: dict = {}
        self.longest, self.behind = LARGEST_GRID, 0  # see devices.webgpu.Device.strict
        self._era = 0  # how often the uniform buffer was begun anew: a tape knows places in it

    def _allocate(self, nbytes: int) -> Memory:
        return Memory(self.adapter.buffer(nbytes), self.groups)

    def _compile(self, file: Path, constants: dict) -> Kernel:
        return Kernel(self.adapter, file, constants)

    def launch(self, name, grid, block, args, shared: int, constants: dict) -> None:
        """Record a launch. `shared` reaches the kernel as the constant SHARED, in f32.

        Raises KernelError for a file that does not fit the launch, CouldNotFinish for sizes that
        WebGPU does not take.
        """
        if shared > WORKGROUP_MEMORY:
            raise CouldNotFinish(
                f"{name}: needs {shared:,} bytes of workgroup memory; WebGPU gives "
                f"{WORKGROUP_MEMORY:,}"
            )
        file, kernel = self.kernel(name, constants | ({"SHARED": shared // 4} if shared else {}))
        arrays = [arg for arg in args if isinstance(arg, Array)]
        kernel.check(arrays, block)
        scalars = kernel.scalars([arg for arg in args if not isinstance(arg, Array)])
        groups = fold(kernel, grid, self.longest)
        if not kernel.packaged:
            sizes = [max(4 * array.size, 4) for array in arrays]
            trial.run(kernel, sizes, scalars, groups)
        with self.lost_is_said(), self.used(name, file):
            bound, back = self._bindings(kernel, arrays)
            self._record(kernel, bound, scalars, groups)
            for array, copy in back:
                self._copy(copy, 0, array.buffer.memory, array.offset, 4 * array.size)
        if self._recorded >= MOST_LAUNCHES and not self.steps.open:
            self.flush()

    # ---- bindings ----

    def _bindings(self, kernel: Kernel, arrays: list[Array]):
        """(memory, offset, bytes) of each array, and the copies to be copied back afterwards.

        An array is copied if it does not begin at a multiple of 256 bytes, or is read while another
        argument writes to the same buffer: WebGPU refuses both.
        """
        accesses = [access for _, access, _ in kernel.signature.arrays]
        written = [a for a, access in zip(arrays, accesses, strict=True) if access == "read_write"]
        self._check_apart(kernel.name, written)
        targets = {id(array.buffer.memory) for array in written}
        bound, back = [], []
        for i, (array, access) in enumerate(zip(arrays, accesses, strict=True)):
            memory, offset = array.buffer.memory, array.offset if array.size else 0
            nbytes = max(4 * array.size, 4)  # no binding is empty
            if nbytes > LARGEST_BINDING:
                raise CouldNotFinish(
                    f"{kernel.name}: an array {array.shape} of {nbytes:,} bytes; WebGPU binds at "
                    f"most {LARGEST_BINDING:,}: take a smaller batch or vocabulary"
                )
            if offset % ALIGNMENT or (access == "read" and id(memory) in targets):
                copy = self._copies.setdefault((i, nbytes), None) or self.memory(nbytes)
                self._copies[i, nbytes] = copy
                if array.size:
                    self._copy(memory, offset, copy, 0, nbytes)
                if array.size and access == "read_write":
                    back.append((array, copy))
                memory, offset = copy, 0
            elif array.size and kernel.signature.arrays[i][0] not in kernel.measured:
                nbytes += min(self.behind, memory.nbytes - offset - nbytes)
            bound.append((memory, offset, nbytes))
        return bound, back

    @staticmethod
    def _check_apart(name: str, written: list[Array]) -> None:
        for i, a in enumerate(written):
            for b in written[:i]:
                apart = a.offset >= b.offset + 4 * b.size or b.offset >= a.offset + 4 * a.size
                if a.buffer.memory is b.buffer.memory and not apart:
                    raise ValueError(f"{name}: two of the arrays that it writes overlap")

    def _group(self, kernel: Kernel, bound):
        pipeline = kernel.pipeline
        key = (id(pipeline), *((id(memory), offset, size) for memory, offset, size in bound))
        found = self.groups.get(key)
        if found is None:
            places = [(memory.buffer, offset, size) for memory, offset, size in bound]
            found = self.groups[key] = (
                self.adapter.bind_group(kernel.signature, places),
                pipeline,  # kept, so that no other gets its id
            )
            for memory, *_ in bound:
                memory.keys.add(key)
        return found[0]

    def _place(self, scalars: bytes) -> int:
        """Where these scalars lie in the uniform buffer; when it is full it is begun anew."""
        if scalars not in self._places:
            if len(self._places) * ALIGNMENT >= self.adapter.uniforms.size:
                self.flush()
                self._places.clear()
                self._era += 1
            place = self._places[scalars] = len(self._places) * ALIGNMENT
            self.adapter.write(self.adapter.uniforms, place, scalars)
        return self._places[scalars]

    # ---- the queue ----

    def _record(self, kernel: Kernel, bound, scalars: bytes, groups) -> None:
        place = [self._place(scalars)] if scalars else []
        self._do(self._dispatch, kernel.pipeline, self._group(kernel, bound), place, groups)

    def _copy(self, source: Memory, begin: int, to: Memory, at: int, nbytes: int) -> None:
        self._do(self._move, source.buffer, begin, to.buffer, at, nbytes)

    def _do(self, what: Callable, *args) -> None:
        if self._tape is not None:
            self._tape.append((what, args))
        what(*args)

    def _open(self):
        if self._encoder is None:
            self._encoder = self.adapter.device.create_command_encoder()
        return self._encoder

    def _dispatch(self, pipeline, group, place: list[int], groups) -> None:
        if self._pass is None:
            self._pass = self._open().begin_compute_pass()
        self._pass.set_pipeline(pipeline)
        self._pass.set_bind_group(0, group, place)
        self._pass.dispatch_workgroups(*groups)
        self._recorded += 1

    def _move(self, *args) -> None:
        self._end_pass()
        self._open().copy_buffer_to_buffer(*args)

    def _end_pass(self) -> None:
        if self._pass is not None:
            self._pass.end()
            self._pass = None

    def flush(self) -> None:
        """Submit what is recorded. Raises CouldNotFinish if the adapter is lost."""
        if self._encoder is None:
            return
        self._end_pass()
        encoder, self._encoder, self._recorded = self._encoder, None, 0
        with self.lost_is_said():
            self.adapter.submit(encoder)

    def mark(self) -> tuple[Block, int]:
        """A moment when all that was recorded so far is done."""
        self._end_pass()
        if self._block is None or not self._block.open:
            self._block = Block(self.adapter)
        return self._block.mark(self._open())

    def between(self, began: tuple[Block, int], ended: tuple[Block, int]) -> float:
        """The seconds from one mark to a later one."""
        self.flush()
        first, last = (block.ticks(index) for block, index in (began, ended))
        return (last - first) * self.adapter.tick

    def replay(self, key: Hashable, body: Callable[[], None]) -> Counter:
        """Run `body`, from the third time on only what it asked of the queue; return its launches.

        Nothing for a body that has run and counted its launches itself. Launches that are timed one
        by one are not recorded.
        """
        if self.device.timing:
            body()
            return Counter()
        if key not in self.tapes:  # this time it compiles and allocates
            self.tapes[key] = None
            body()
            return Counter()
        if self.tapes[key] is None or self.tapes[key][0] != self._era:
            era, self._tape = self._era, []
            before = Counter({name: use.launches for name, use in self.uses.items()})
            try:
                body()
                after = Counter({name: use.launches for name, use in self.uses.items()})
                self.tapes[key] = (era, self._tape, after - before)
            finally:
                self._tape = None
            return Counter()
        _, tape, launched = self.tapes[key]
        with self.lost_is_said():
            for what, args in tape:
                what(*args)
        self.flush()
        for name, times in launched.items():
            self.uses[name].launches += times
        return launched

    @contextmanager
    def lost_is_said(self) -> Iterator[None]:
        """Within the block an error of wgpu's becomes a CouldNotFinish with what to do."""
        try:
            yield
        except CouldNotFinish:
            raise
        except self.adapter.errors as error:
            raise self.adapter.lost(error) from None
