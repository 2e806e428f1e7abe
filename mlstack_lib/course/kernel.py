"""Run a notebook as the tests do, and as Jupyter would: the same outputs every time."""

import os
import subprocess
import sys
from pathlib import Path

import nbclient
import nbformat
from nbclient.exceptions import CellExecutionError

from ..errors import CouldNotFinish
from .kernel_files import FOLDER

CELL_TIMEOUT = 120  # seconds
NOT_COMPARED = "nbval-ignore-output"  # the tag of such a cell
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def environment(folder: str | Path) -> dict[str, str]:
    """The variables of a kernel, started in `folder`, whose outputs are stored or compared.

    One BLAS thread and a fixed hash seed: steady times and digits. Chapters are stored as they are
    before any kernel is written. PYTEST_CURRENT_TEST would make ipykernel lose what C code prints.
    """
    fixed = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    if Path(folder).name == "chapters":
        fixed[FOLDER] = ""
    drop = {"PYTEST_CURRENT_TEST", "MPLBACKEND"}
    return {k: v for k, v in os.environ.items() if k not in drop} | fixed


def execute(cells: list, folder: str) -> list:
    """Run the cells in a fresh kernel in `folder`; return them with counts and outputs.

    Raises CouldNotFinish for a cell that raises, writes to stderr or takes too long.
    """
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=METADATA)
    client = nbclient.NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": folder}},
    )
    try:
        # its stderr has only ipykernel's notice that it starts
        client.execute(env=environment(folder), stderr=subprocess.DEVNULL)
    except (CellExecutionError, TimeoutError) as error:
        raise CouldNotFinish(f"{_running(notebook)} failed:\n{error}") from None
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = _joined(cell.outputs)
            _check_outputs(cell, folder)
    return notebook.cells


def _running(notebook) -> str:
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    ran = [cell for cell in code if cell.get("execution_count")]
    return f"cell {(ran or code)[-1].id}"


def _joined(outputs: list) -> list:
    """Neighbouring chunks of stdout as one: where the kernel cuts them depends on its timing."""
    joined = []
    for output in outputs:
        before = joined[-1] if joined else {}
        if output.output_type == "stream" and before.get("name") == output.name:
            before["text"] += output.text
        else:
            joined.append(output)
    return joined


def _check_outputs(cell, folder: str) -> None:
    """Refuse stderr; take this machine's folders out of what a cell that is not compared says."""
    folders = {str(Path(folder).parent): "REPOSITORY", sys.prefix: "VENV", str(Path.home()): "~"}
    for output in cell.outputs:
        if output.get("name") == "stderr":
            raise CouldNotFinish(f"cell {cell.id} wrote to stderr: {output.text}")
        if output.output_type == "stream" and NOT_COMPARED in cell.metadata.get("tags", []):
            for path, name in folders.items():
                output.text = output.text.replace(path, name)
