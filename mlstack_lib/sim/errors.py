"""What the simulator raises. A notebook shows the message alone, without Python's traceback."""

from ..errors import BadInput, CouldNotFinish


class _MessageOnly:
    def _render_traceback_(self) -> list[str]:  # IPython asks for it
        return str(self).splitlines()


class CompileError(_MessageOnly, BadInput):
    """The kernel does not compile: the compiler's messages, in the learner's numbering."""


class LaunchError(_MessageOnly, BadInput):
    """The launch was called with something that the kernel or a GPU does not take."""


class NoCompiler(_MessageOnly, CouldNotFinish):
    """The machine has no C++ compiler that can be used; says what to install."""


class Interrupted(_MessageOnly, KeyboardInterrupt):
    """Ctrl-C while a kernel ran: it has ended, and what it had written is in the arrays."""


class KernelError(_MessageOnly, CouldNotFinish):
    """The kernel ran and did something wrong. `findings` holds what, in order of severity."""

    def __init__(self, message: str, findings: list):
        super().__init__(message)
        self.findings = findings
