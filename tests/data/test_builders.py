import gzip
import hashlib
import os
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import requests

from jaxdl.data import builders, source_files
from jaxdl.errors import InputError

TRAIN_IMAGES = "train-images-idx3-ubyte.gz"


def idx_bytes(array):
    """An array of unsigned bytes in the IDX format."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


def parse_idx(raw):
    """The format once more, one struct at a time, as a check of `read_idx`."""
    assert struct.unpack_from(">HB", raw) == (0, 8)
    shape = struct.unpack_from(f">{raw[3]}I", raw, 4)
    return np.array(list(raw[4 + 4 * raw[3] :]), np.uint8).reshape(shape)


@pytest.mark.parametrize("shape", [(7,), (5, 4, 3), (0, 28, 28)], ids=str)
def test_read_idx_gives_back_what_was_written(tmp_path, shape):
    array = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    (tmp_path / "a.gz").write_bytes(gzip.compress(idx_bytes(array)))
    np.testing.assert_array_equal(builders.read_idx(tmp_path / "a.gz"), array)


GOOD = idx_bytes(np.arange(24).reshape(2, 3, 4))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty file"),
        pytest.param(gzip.compress(b"\0\0\x08\xff" + bytes(1020)), id="255 axes"),
        pytest.param(gzip.compress(b"\0\0\x08\4" + b"\0\1\0\0" * 4), id="2**64 values"),
        pytest.param(b"P5 no gzip", id="not gzip"),
        pytest.param(gzip.compress(GOOD)[:-12], id="truncated gzip"),
        pytest.param(gzip.compress(b""), id="empty content"),
        pytest.param(gzip.compress(b"\1" + GOOD[1:]), id="wrong magic number"),
        pytest.param(gzip.compress(b"\0\0\x0d" + GOOD[3:]), id="floats"),
        pytest.param(gzip.compress(GOOD[:12]), id="header cut"),
        pytest.param(gzip.compress(GOOD[:-1]), id="a byte too few"),
        pytest.param(gzip.compress(GOOD + b"\0"), id="a byte too many"),
    ],
)
def test_read_idx_refuses_damage_and_names_the_file(tmp_path, content):
    (tmp_path / "bad.gz").write_bytes(content)
    with pytest.raises(InputError, match=r"bad\.gz"):
        builders.read_idx(tmp_path / "bad.gz")


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_checksums_are_those_of_tensorflow_datasets(name):
    from tensorflow_datasets.core.download import checksums

    known = checksums.get_all_url_infos()
    builder_cls = builders.BUILDERS[name]
    assert builder_cls.name == f"jaxdl_{name}"
    assert len(builder_cls.SHA256) == 4
    place = {"mnist": "/cvdf-datasets/mnist/", "fashion_mnist": "//fashion-mnist.s3-"}
    for file_name, sha256 in builder_cls.SHA256.items():
        (info,) = (
            known[url]
            for url in known
            if place[name] in url and url.endswith(f"/{file_name}")
        )
        assert info.checksum == sha256


@pytest.mark.parametrize(
    ("name", "first", "train_counts", "test_counts"),
    [
        (
            "mnist",
            [5, 0, 4, 1, 9, 2, 1, 3, 1, 4],
            [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
            [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
        ),
        ("fashion_mnist", [9, 0, 0, 3, 0, 2, 7, 2, 5, 5], [6000] * 10, [1000] * 10),
    ],
)
def test_original_files_hold_the_published_images(
    name, first, train_counts, test_counts
):
    if "JAXDL_TEST_DATA" not in os.environ:
        pytest.skip("JAXDL_TEST_DATA, a folder with mnist/ and fashion_mnist/, not set")
    folder = Path(os.environ["JAXDL_TEST_DATA"]) / name
    source_files.check_files(folder, builders.BUILDERS[name].SHA256)
    labels = builders.read_idx(folder / "train-labels-idx1-ubyte.gz")
    assert labels[:10].tolist() == first
    assert np.bincount(labels).tolist() == train_counts
    labels = builders.read_idx(folder / "t10k-labels-idx1-ubyte.gz")
    assert np.bincount(labels).tolist() == test_counts
    images = builders.read_idx(folder / "t10k-images-idx3-ubyte.gz")
    raw = gzip.decompress((folder / "t10k-images-idx3-ubyte.gz").read_bytes())
    np.testing.assert_array_equal(images, parse_idx(raw))


@pytest.mark.parametrize("name", [x for x in builders.BUILDERS])
def test_nothing_is_downloaded_in_the_clear(name):
    url = builders.BUILDERS[name].URL
    assert url is None or url.startswith("https://")
    with source_files._session() as session:
        session.get_adapter("https://example.org/")
        with pytest.raises(requests.exceptions.InvalidSchema):
            session.get_adapter("http://example.org/")  # a redirect asks for it too


@pytest.fixture
def serve(monkeypatch):
    """Starts web servers: `serve(answer)` gives an address; answer(path) -> bytes.

    They have no certificates, so sessions speak plain HTTP here.
    """
    monkeypatch.setattr(source_files, "_session", requests.Session)
    servers = []

    def start(answer):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                content = answer(self.path)
                self.send_response(404 if content is None else 200)
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, *args):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_download_saves_the_checked_bytes(tmp_path, serve):
    content = bytes(range(256)) * 1000
    url = serve({"/a.gz": content, "/b.gz": b"b"}.get)
    sha256 = {
        "a.gz": hashlib.sha256(content).hexdigest(),
        "b.gz": hashlib.sha256(b"b").hexdigest(),
    }
    source_files.download_files(url, sha256, tmp_path)
    assert (tmp_path / "a.gz").read_bytes() == content
    assert (tmp_path / "b.gz").read_bytes() == b"b"


def test_download_refuses_other_bytes(tmp_path, serve):
    url = serve(lambda path: b"please log in to this network")
    with pytest.raises(OSError, match="a.gz arrived with a wrong checksum"):
        source_files.download_files(url, {"a.gz": "0" * 64}, tmp_path)


def test_download_reports_a_missing_file(tmp_path, serve):
    with pytest.raises(OSError, match="HTTPError"):
        source_files.download_files(serve(lambda path: None), {"a.gz": ""}, tmp_path)


def test_plain_http_is_refused_before_anything_is_asked(tmp_path, serve, monkeypatch):
    asked = []
    url = serve(lambda path: asked.append(path) or b"x")
    monkeypatch.undo()
    with pytest.raises(OSError, match="only https:// is allowed, also where it redir"):
        source_files.download_files(url, {"a.gz": ""}, tmp_path)
    assert not asked


def test_an_endless_download_is_cut(tmp_path, serve, monkeypatch):
    monkeypatch.setattr(source_files, "_LARGEST", 1_000_000)
    threads = threading.active_count()
    url = serve(lambda path: bytes(50_000_000))
    with pytest.raises(OSError, match=r"a\.gz has more than 1,000,000 bytes"):
        source_files.download_files(url, {"a.gz": ""}, tmp_path)
    assert (tmp_path / "a.gz").stat().st_size <= 1_000_000
    deadline = time.monotonic() + 5
    while threading.active_count() > threads + 1 and time.monotonic() < deadline:
        time.sleep(0.01)  # the server's own thread stays
    assert threading.active_count() <= threads + 1


@pytest.mark.parametrize("silent", ["server", "name look-up"])
def test_download_gives_up_on_silence(silent, tmp_path, serve, monkeypatch):
    monkeypatch.setattr(source_files, "_SILENCE_SECONDS", 0.3)
    url = serve(lambda path: time.sleep(2))

    def look_up(*args):
        time.sleep(2)
        raise socket.gaierror("no such host")

    if silent == "name look-up":  # it knows no time-out
        monkeypatch.setattr(socket, "getaddrinfo", look_up)
    start = time.monotonic()
    with pytest.raises(OSError, match="no answer|Timeout"):
        source_files.download_files(url, {"a.gz": ""}, tmp_path)
    assert time.monotonic() - start < 1.5


def test_check_files_names_what_is_wrong(tmp_path):
    sha256 = {"a.gz": hashlib.sha256(b"a").hexdigest(), "b.gz": "12" * 32}
    with pytest.raises(InputError, match="no source folder .*/nowhere"):
        source_files.check_files(tmp_path / "nowhere", sha256)
    with pytest.raises(InputError, match=r"lacks a\.gz, b\.gz: name one that has them"):
        source_files.check_files(tmp_path, sha256)
    (tmp_path / "a.gz").write_bytes(b"a")
    with pytest.raises(InputError, match=r"lacks b\.gz: add them to a\.gz$"):
        source_files.check_files(tmp_path, sha256)
    (tmp_path / "b.gz").write_bytes(b"b")
    found = hashlib.sha256(b"b").hexdigest()[:12]
    with pytest.raises(InputError, match=f"b.gz .*expected.* 121212.*found {found}"):
        source_files.check_files(tmp_path, sha256)
    source_files.check_files(tmp_path, {"a.gz": sha256["a.gz"]})
