"""Downloads arrive whole or not at all; what cannot be written leaves nothing behind."""

import errno
import hashlib
import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mlstack_lib.cache import Download, new_folder, obtain
from mlstack_lib.errors import BadInput, CouldNotFinish
from mlstack_lib.folders import cache_folder

TEXT = b"The quick brown fox.\n" * 5000
SHA256 = hashlib.sha256(TEXT).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append(self.path)
        self.server.encodings.append(self.headers["Accept-Encoding"])
        if self.path == "/missing.txt":
            self.send_error(404)
            return
        count = self.server.requests.count(self.path)
        cut = self.path == "/short.txt" or (self.path == "/flaky.txt" and count == 1)
        self.send_response(200)
        if self.path != "/unannounced.txt":
            self.send_header("Content-Length", str(len(TEXT)))
        self.end_headers()
        self.wfile.write(TEXT[: len(TEXT) // 2] if cut else TEXT)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.requests, server.encodings = [], []
    server.base = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MLSTACK_DATA", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)  # the wait before a retry
    return tmp_path / "cache"


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_cache_folder_is_the_variable_else_the_platforms(monkeypatch, tmp_path):
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.setenv("MLSTACK_DATA", "")
    assert cache_folder().is_absolute()
    assert "mlstack" in str(cache_folder())


def test_download_is_whole_and_happens_once(server, cache):
    download = Download(f"{server.base}/fine.txt", "sub", SHA256)
    assert obtain([download]) == obtain([download]) == [SHA256]
    assert download.path == cache / "sub" / "fine.txt"
    assert download.path.read_bytes() == TEXT
    assert server.requests == ["/fine.txt"]
    assert server.encodings == ["identity"]  # so that the announced size is that of the file
    assert files_in(cache) == ["sub", "sub/fine.txt"]


def test_download_that_breaks_off_once_is_tried_again(server):
    download = Download(f"{server.base}/flaky.txt", "sub")
    assert obtain([download]) == [SHA256]
    assert server.requests == ["/flaky.txt"] * 2


@pytest.mark.parametrize("sha256", [None, SHA256])
def test_half_a_download_is_never_taken_for_the_whole(server, cache, sha256):
    download = Download(f"{server.base}/short.txt", "sub", sha256)
    with pytest.raises(CouldNotFinish, match=re.escape(download.address)):
        obtain([download])
    assert len(server.requests) == 3
    assert files_in(cache) == ["sub"]


def test_download_without_an_announced_size_arrives(server):
    download = Download(f"{server.base}/unannounced.txt", "sub")
    assert obtain([download]) == [SHA256]


def test_download_shows_its_progress_on_stderr(server, capsys, monkeypatch):
    monkeypatch.setattr("mlstack_lib.cache.BAR_DELAY", 0)
    obtain([Download(f"{server.base}/fine.txt", "sub")])
    out, err = capsys.readouterr()
    assert out == ""
    assert "fine.txt: 100%" in err
    assert "105k/105k" in err


def test_half_a_download_is_noticed_even_where_the_http_library_does_not(
    server, cache, monkeypatch
):
    monkeypatch.setattr(
        "pooch.HTTPDownloader.__call__",
        lambda self, address, output, pooch_: (
            setattr(self.progressbar, "total", len(TEXT)),
            Path(output).write_bytes(TEXT[:77]),
        ),
    )
    with pytest.raises(CouldNotFinish, match="announced 105,000 bytes, 77 came"):
        obtain([Download(f"{server.base}/fine.txt", "sub")])
    assert files_in(cache) == ["sub"]


def test_downloaded_text_with_another_hash_than_published_is_thrown_away(server, cache):
    with pytest.raises(CouldNotFinish) as caught:
        obtain([Download(f"{server.base}/fine.txt", "sub", "0" * 64)])
    assert "0" * 64 in str(caught.value)
    assert SHA256 in str(caught.value)
    assert files_in(cache) == ["sub"]


def test_missing_address_says_so(server):
    with pytest.raises(CouldNotFinish, match="404"):
        obtain([Download(f"{server.base}/missing.txt", "sub")])


def test_offline_error_is_one_line_with_address_reason_and_path_of_every_missing_file():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        base = f"http://127.0.0.1:{unused.getsockname()[1]}"
        downloads = [Download(f"{base}/{name}.txt", "sub") for name in ("a", "b", "c")]
        downloads[1].path.parent.mkdir(parents=True)
        downloads[1].path.write_bytes(TEXT)
        with pytest.raises(CouldNotFinish) as caught:
            obtain(downloads)
    message = str(caught.value)
    assert message.startswith(f"cannot download {base}/a.txt: ")
    assert "refused" in message
    assert "retries" not in message  # the reason, not the layers around it
    assert message.endswith(
        f"place it as {downloads[0].path} and {base}/c.txt as {downloads[2].path}"
    )
    assert "\n" not in message


def test_file_placed_by_hand_is_used_without_a_request(server, cache):
    for download in (
        Download(f"{server.base}/a.txt", "sub", SHA256),
        Download(f"{server.base}/b.txt", "sub"),
    ):
        download.path.parent.mkdir(parents=True, exist_ok=True)
        download.path.write_bytes(TEXT)
        assert obtain([download]) == [SHA256]
    assert server.requests == []
    # only where none is published is a hash noted
    assert files_in(cache) == ["sub", "sub/a.txt", "sub/b.txt", "sub/b.txt.sha256"]


def test_file_with_another_hash_than_published_is_bad_input_and_stays(server):
    download = Download(f"{server.base}/fine.txt", "sub", SHA256)
    download.path.parent.mkdir(parents=True)
    download.path.write_bytes(b"something else")
    with pytest.raises(BadInput) as caught:
        obtain([download])
    other = hashlib.sha256(b"something else").hexdigest()
    assert f"{download.path}: sha256 is {other}, but {SHA256} was published" in str(caught.value)
    assert download.path.read_bytes() == b"something else"
    assert server.requests == []


def test_file_that_changed_since_its_first_use_is_bad_input(server):
    download = Download(f"{server.base}/fine.txt", "sub")
    assert obtain([download]) == [SHA256]
    assert download.record.read_text(encoding="utf-8") == f"{SHA256}  fine.txt\n"
    download.path.write_bytes(TEXT[:-1])
    with pytest.raises(BadInput) as caught:
        obtain([download])
    assert SHA256 in str(caught.value)
    assert hashlib.sha256(TEXT[:-1]).hexdigest() in str(caught.value)
    assert f"delete {download.path} and {download.record}" in str(caught.value)


def test_cache_below_a_file_is_named_with_the_systems_reason(tmp_path, monkeypatch, server):
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("MLSTACK_DATA", str(tmp_path / "file"))
    with pytest.raises(CouldNotFinish, match=r"cannot write .*MLSTACK_DATA"):
        obtain([Download(f"{server.base}/fine.txt", "sub")])
    assert server.requests == []


def test_disk_full_while_downloading_is_named_and_leaves_nothing(server, cache, monkeypatch):
    def full(self, address, output, pooch_):
        Path(output).write_bytes(TEXT[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pooch.HTTPDownloader.__call__", full)
    with pytest.raises(CouldNotFinish, match="cannot write .*: No space left on device; "):
        obtain([Download(f"{server.base}/fine.txt", "sub")])
    assert files_in(cache) == ["sub"]


def test_permission_denied_by_pooch_is_named_with_the_systems_reason(server, monkeypatch):
    def denied(**options):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("pooch.utils.tempfile.NamedTemporaryFile", denied)
    with pytest.raises(CouldNotFinish, match="cannot write .*: Permission denied; "):
        obtain([Download(f"{server.base}/fine.txt", "sub")])


def test_new_folder_replaces_the_old_one_whole(cache):
    for content in ("old", "new"):
        with new_folder(cache / "x") as scratch:
            (scratch / content).write_text(content, encoding="utf-8")
    assert files_in(cache) == ["x", "x/new"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_new_folder_leaves_the_old_one_when_the_block_fails(cache, error):
    with new_folder(cache / "x") as scratch:
        (scratch / "old").write_text("old", encoding="utf-8")

    def write_and_fail():
        with new_folder(cache / "x") as scratch:
            (scratch / "new").write_text("new", encoding="utf-8")
            raise error

    with pytest.raises(error):
        write_and_fail()
    assert files_in(cache) == ["x", "x/old"]


def test_new_folder_gives_way_to_one_put_there_meanwhile(cache, monkeypatch):
    def other_was_first(self, target):
        raise FileExistsError(errno.ENOTEMPTY, "Directory not empty")

    (cache / "x").mkdir(parents=True)
    (cache / "x" / "theirs").write_text("", encoding="utf-8")
    monkeypatch.setattr("pathlib.Path.rename", other_was_first)
    with new_folder(cache / "x") as scratch:
        (scratch / "ours").write_text("", encoding="utf-8")
    assert files_in(cache) == ["x", "x/theirs"]


def test_hash_that_cannot_be_noted_is_named_with_the_systems_reason(cache, monkeypatch):
    def read_only(path, text):
        raise OSError(errno.EROFS, "Read-only file system")

    download = Download("http://127.0.0.1/a.txt", "sub")
    download.path.parent.mkdir(parents=True)
    download.path.write_bytes(TEXT)
    monkeypatch.setattr("mlstack_lib.cache.write_text", read_only)
    with pytest.raises(CouldNotFinish, match=r"a\.txt\.sha256: Read-only file system; "):
        obtain([download])
