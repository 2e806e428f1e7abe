"""JupyterLab in a real browser opens chapters, runs them, and gets the outputs that are stored."""

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest

from mlstack_lib.course.kernel import NOT_COMPARED, environment

ROOT = Path(__file__).parents[2]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CHROMIUM = next((path for name in NAMES if (path := shutil.which(name))), None)
NOTEBOOKS = sorted(path.name for path in (ROOT / "chapters").glob("[0-9]*.ipynb"))
READY = """() => {
    const session = window.jupyterapp?.shell?.currentWidget?.sessionContext;
    return !!(session?.isReady && session.session?.kernel?.connectionStatus === 'connected'
              && session.session.kernel.status === 'idle');
}"""
RUN = "async () => await window.jupyterapp.commands.execute('notebook:run-all-cells')"
MODEL = "() => window.jupyterapp.shell.currentWidget.content.model.toJSON()"
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update")  # fmt: skip


@pytest.fixture(scope="module")
def browser():
    """Chromium without a window; skips where it or Playwright is not installed."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="no Playwright: pip install -e '.[test]' to test in a browser"
    )
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: JupyterLab was not tried in a browser")
    with playwright.sync_playwright() as p:
        opened = p.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A JupyterLab on copies of the chapters; yields the address of a copy, by name."""
    folder, config = tmp_path_factory.mktemp("lab"), tmp_path_factory.mktemp("config")
    for name in NOTEBOOKS:
        shutil.copy(ROOT / "chapters" / name, folder)
    (config / "labconfig").mkdir()
    news = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
    (config / "labconfig" / "page_config.json").write_text(json.dumps(news))
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    token = secrets.token_hex(16)
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1",
        f"--port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={folder}", "--LabApp.expose_app_in_browser=True",
    ]  # fmt: skip
    folders = {"JUPYTER_CONFIG_DIR": config, "JUPYTERLAB_SETTINGS_DIR": config / "settings",
               "JUPYTERLAB_WORKSPACES_DIR": config / "workspaces"}  # fmt: skip
    env = environment("chapters") | {name: str(path) for name, path in folders.items()}
    log = open(config / "log.txt", "w")  # noqa: SIM115  (open as long as the server runs)
    server = subprocess.Popen(command, env=env, stdout=log, stderr=log)
    try:
        _wait_for(f"http://127.0.0.1:{port}/api", server, config / "log.txt")
        yield lambda name: f"http://127.0.0.1:{port}/lab/tree/{name}?token={token}&reset"
    finally:
        for _ in range(2):  # the first asks for confirmation
            server.send_signal(signal.SIGINT if os.name != "nt" else signal.SIGTERM)
            time.sleep(0.2)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
        log.close()


def _wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=2).close()
            return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")


def said(cells: list) -> list[tuple]:
    """What each compared cell printed, and how many pictures it showed."""
    found = []
    for cell in cells:
        if cell["cell_type"] == "code" and NOT_COMPARED not in cell["metadata"].get("tags", []):
            outputs = cell["outputs"]
            text = "".join("".join(o["text"]) for o in outputs if o["output_type"] == "stream")
            images = sum("image/png" in o.get("data", {}) for o in outputs)
            found.append((cell["id"], text, images))
    return found


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_lab_runs_a_chapter_and_gets_the_stored_outputs(browser, lab, name, tally):
    page = browser.new_page(viewport={"width": 1280, "height": 1600})
    outside, complaints = [], []
    page.on("request", lambda r: outside.append(r.url) if _is_outside(r.url) else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(lab(name))
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
    page.wait_for_function(READY, timeout=60_000)
    assert page.evaluate(RUN) is True
    page.wait_for_function(READY, timeout=120_000)
    cells = page.evaluate(MODEL)["cells"]
    if folder := os.environ.get("MLSTACK_SCREENSHOTS"):
        page.screenshot(path=str(Path(folder) / f"{name}.png"))
    page.close()
    stored = json.loads(nbformat.writes(nbformat.read(ROOT / "chapters" / name, as_version=4)))
    errors = [o for c in cells for o in c.get("outputs", []) if o["output_type"] == "error"]
    assert len(NOTEBOOKS) >= 8
    assert errors == []
    assert said(cells) == said(stored["cells"])
    assert (outside, complaints) == ([], [])
    tally("chapters run in a browser")


def _is_outside(address: str) -> bool:
    return not re.match(r"(https?|wss?)://127\.0\.0\.1[:/]|data:|blob:", address)
