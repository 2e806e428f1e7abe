"""What the library wgpu is asked for: the adapter, its device, pipelines, bytes there and back.

The device gets WebGPU's default limits, not those of the adapter, so that what runs here runs in
every browser (W3C, WebGPU, section 3.6.2). All that is known of wgpu is in this file.
"""

import os
import tempfile
from functools import cache, cached_property

from ..errors import CouldNotFinish
from . import naga
from .wgsl import KernelError, Signature

LARGEST_GRID = 65_535  # groups along one axis
LARGEST_BLOCK = 256  # invocations of a group
WORKGROUP_MEMORY = 16 << 10  # bytes
LARGEST_BINDING = 128 << 20  # bytes
LARGEST_BUFFER = 256 << 20  # bytes
ALIGNMENT = 256  # bytes, of the offset of a binding
STORAGE_BUFFERS = 8  # of a kernel
LIMITS = {
    "max-bind-groups": 4,
    "max-buffer-size": LARGEST_BUFFER,
    "max-compute-invocations-per-workgroup": LARGEST_BLOCK,
    "max-compute-workgroup-size-x": 256,
    "max-compute-workgroup-size-y": 256,
    "max-compute-workgroup-size-z": 64,
    "max-compute-workgroup-storage-size": WORKGROUP_MEMORY,
    "max-compute-workgroups-per-dimension": LARGEST_GRID,
    "max-dynamic-uniform-buffers-per-pipeline-layout": 8,
    "max-storage-buffer-binding-size": LARGEST_BINDING,
    "max-storage-buffers-per-shader-stage": STORAGE_BUFFERS,
    "max-uniform-buffer-binding-size": 64 << 10,
    "min-storage-buffer-offset-alignment": ALIGNMENT,
    "min-uniform-buffer-offset-alignment": ALIGNMENT,
}
NO_ADAPTER = (
    "there is no WebGPU adapter: install the driver of your GPU; without a GPU Mesa's software "
    "adapter serves (Debian, Ubuntu: apt install mesa-vulkan-drivers)"
)


def _wgpu():
    import wgpu

    return wgpu


@cache
def find_adapter():
    """The adapter that wgpu prefers for speed, or the string that says why there is none."""
    try:
        wgpu = _wgpu()
    except ImportError:
        return "wgpu is not installed: python -m pip install 'wgpu>=0.32,<1'"
    unset = "XDG_RUNTIME_DIR" not in os.environ
    if unset:  # where it is not, Vulkan's loader complains on the standard error
        os.environ["XDG_RUNTIME_DIR"] = tempfile.gettempdir()
    try:
        return wgpu.gpu.request_adapter_sync(power_preference="high-performance") or NO_ADAPTER
    except Exception as error:  # a RuntimeError today; whatever it is, there is no adapter
        return f"{NO_ADAPTER} ({str(error).splitlines()[0]})"
    finally:
        if unset:
            del os.environ["XDG_RUNTIME_DIR"]


def is_software(adapter) -> bool:
    """Whether the adapter computes on the processor."""
    return adapter.info["adapter_type"] == "CPU"


class Adapter:
    """A device of wgpu's, and the few things asked of it. Raises CouldNotFinish without one."""

    def __init__(self):
        adapter = find_adapter()
        if isinstance(adapter, str):
            raise CouldNotFinish(f"device webgpu: {adapter}")
        wgpu = _wgpu()
        self.errors, self.out_of_memory = (wgpu.GPUError, RuntimeError), wgpu.GPUOutOfMemoryError
        try:
            self.device = adapter.request_device_sync(
                label="mlstack",
                required_limits=LIMITS,
                required_features=sorted({"timestamp-query"} & adapter.features),
            )
        except self.errors as error:
            raise CouldNotFinish(f"device webgpu: the adapter gives no device: {error}") from None
        self._usage = wgpu.BufferUsage
        self._stage = wgpu.ShaderStage.COMPUTE
        self._layouts: dict = {}
        usage = self._usage.UNIFORM | self._usage.COPY_DST
        self.uniforms = self.device.create_buffer(size=1 << 20, usage=usage)  # for all scalars
        self._word = self.buffer(4)
        self.has_timestamps = "timestamp-query" in self.device.features

    def lost(self, error: Exception) -> CouldNotFinish:
        """What to raise for an error that no caller has caused."""
        reason = str(error).strip().splitlines()[-1].strip()
        return CouldNotFinish(
            f"device webgpu: the adapter gave up ({reason}); what it held is lost: start Python "
            "anew, and resume the run"
        )

    def buffer(self, nbytes: int):
        """A storage buffer of at least so many bytes. Raises MemoryError, CouldNotFinish."""
        if nbytes > LARGEST_BUFFER:
            raise MemoryError(f"a buffer of WebGPU has at most {LARGEST_BUFFER:,} bytes")
        usage = self._usage.STORAGE | self._usage.COPY_SRC | self._usage.COPY_DST
        try:
            return self.device.create_buffer(size=-(-max(nbytes, 16) // 4) * 4, usage=usage)
        except self.out_of_memory:
            raise MemoryError("the adapter's memory is full") from None
        except self.errors as error:
            raise self.lost(error) from None

    def layout(self, signature: Signature):
        """The layout of the kernel's bindings, shared by all that have the same."""
        key = (tuple(access for _, access, _ in signature.arrays), bool(signature.scalars))
        if key not in self._layouts:
            kinds = {"read": "read-only-storage", "read_write": "storage"}
            buffers = [{"type": kinds[access]} for access in key[0]]
            if signature.scalars:
                buffers.append({"type": "uniform", "has_dynamic_offset": True})
            entries = [
                {"binding": i, "visibility": self._stage, "buffer": buffer}
                for i, buffer in enumerate(buffers)
            ]
            self._layouts[key] = self.device.create_bind_group_layout(entries=entries)
        return self._layouts[key]

    def pipeline(self, text: str, signature: Signature, file_name: str, lines: int):
        """The compiled kernel. Raises KernelError with the file's own line."""
        try:
            layout = self.device.create_pipeline_layout(bind_group_layouts=[self.layout(signature)])
            module = self.device.create_shader_module(code=text)
            compute = {"module": module, "entry_point": signature.entry}
            return self.device.create_compute_pipeline(layout=layout, compute=compute)
        except self.errors as error:
            if "device is lost" in str(error):
                raise self.lost(error) from None
            raise KernelError(naga.message(error, file_name, lines)) from None

    def bind_group(self, signature: Signature, bound):
        """The bindings: (wgpu buffer, offset, bytes) of each array, then the scalars' place."""
        resources = [{"buffer": b, "offset": offset, "size": size} for b, offset, size in bound]
        if signature.scalars:
            size = -(-4 * len(signature.scalars) // 16) * 16
            resources.append({"buffer": self.uniforms, "offset": 0, "size": size})
        entries = [{"binding": i, "resource": resource} for i, resource in enumerate(resources)]
        return self.device.create_bind_group(layout=self.layout(signature), entries=entries)

    def submit(self, encoder) -> None:
        """Let the adapter begin with what an encoder has recorded."""
        self.device.queue.submit([encoder.finish()])

    def write(self, buffer, offset: int, data: bytes) -> None:
        """Write whole words; what was submitted before reads what was there before."""
        self.device.queue.write_buffer(buffer, offset, data)

    def read(self, buffer, offset: int, nbytes: int):
        """The bytes of part of a buffer, when all that was submitted before is done."""
        return self.device.queue.read_buffer(buffer, offset, nbytes)

    def wait(self) -> None:
        """Until all that was submitted is done: wgpu's own call for that fails (wgpu-py #834)."""
        self.read(self._word, 0, 4)

    # ---- timestamps: no kernel needs them, so an adapter may do without ----

    @cached_property
    def tick(self) -> float:
        """Seconds that a timestamp counts by."""
        lib = _wgpu().backends.wgpu_native.lib  # wgpu-py itself has no name for it
        return 1e-9 * lib.wgpuQueueGetTimestampPeriod(self.device.queue._internal)

    def resolve(self, queries, count: int):
        """The bytes of the first `count` timestamps of a query set, 8 each."""
        usage = self._usage.QUERY_RESOLVE | self._usage.COPY_SRC
        buffer = self.device.create_buffer(size=8 * count, usage=usage)
        encoder = self.device.create_command_encoder()
        encoder.resolve_query_set(queries, 0, count, buffer, 0)
        self.submit(encoder)
        return self.read(buffer, 0, 8 * count)
