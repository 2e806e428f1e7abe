"""Make nbval run a cell as JupyterLab does, and count what it compared.

Loaded by pytest (`-p`, in pyproject.toml). Two corrections, which tests/course/like_lab.ipynb would
miss: nbval runs cells outside the history, where a trailing `;` does not silence a cell and `Out`
is empty (computationalmodelling/nbval#194); and its kernel sees PYTEST_CURRENT_TEST, with which
ipykernel does not capture what C code prints.
"""

from collections import Counter

from nbval import kernel
from nbval.plugin import IPyNbCell

from .kernel import NOT_COMPARED, environment

_start_new_kernel = kernel.start_new_kernel
cells: Counter = Counter()  # what was done with a cell -> how many


def _start_like_lab(*args, **kwargs):
    return _start_new_kernel(*args, **{**kwargs, "env": environment(kwargs["cwd"])})


def _execute_in_history(self, source, allow_stdin=None):
    return self.kc.execute(source, store_history=True, allow_stdin=allow_stdin, stop_on_error=False)


kernel.start_new_kernel = _start_like_lab
kernel.RunningKernel.execute_cell_input = _execute_in_history


def pytest_runtest_logreport(report):
    """Count the cells that pass, in the process that reports."""
    kind = dict(report.user_properties).get("notebook cell")
    if kind and report.when == "call" and report.passed:
        cells[kind] += 1


def pytest_runtest_setup(item):
    if isinstance(item, IPyNbCell):
        tags = item.cell.metadata.get("tags", [])
        exempt = NOT_COMPARED in tags
        item.user_properties.append(("notebook cell", "only run" if exempt else "compared"))


def pytest_terminal_summary(terminalreporter):
    if cells:
        terminalreporter.write_line(
            f"cells of notebooks: {cells['compared']} run and compared with what is stored, "
            f"{cells['only run']} only run (each says why in its metadata)"
        )
