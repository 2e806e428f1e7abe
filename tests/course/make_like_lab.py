"""Make like_lab.ipynb, which nbval compares: `python tests/course/make_like_lab.py`.

Its outputs are what JupyterLab stores. Without the corrections of `nbval_plugin`, nbval would find
others in the first, third and fourth cell.
"""

from pathlib import Path

import nbformat

from mlstack_lib.course.kernel import METADATA, execute
from mlstack_lib.files import write_text

FILE = Path(__file__).parent / "like_lab.ipynb"
CELLS = {
    "semicolon": "6 * 7;",
    "history": "40 + 2",
    "out": "print(Out[2])",
    "file-descriptor": 'import os\n\nn = os.write(1, b"written past Python, as C code does\\n")',
    "environment": 'print(os.environ["OPENBLAS_NUM_THREADS"], os.environ["PYTHONHASHSEED"])',
}


def main() -> None:
    cells = []
    for name, source in CELLS.items():
        cells.append(nbformat.v4.new_code_cell(source))
        cells[-1].id = name
    notebook = nbformat.v4.new_notebook(cells=execute(cells, str(FILE.parent)), metadata=METADATA)
    write_text(FILE, nbformat.writes(notebook) + "\n")


if __name__ == "__main__":
    main()
