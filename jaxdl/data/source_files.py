"""Original files: checked against their sha256, or downloaded."""

import contextlib
import hashlib
import os
import queue
import threading
from collections.abc import Generator
from pathlib import Path

import requests

from jaxdl.errors import InputError

_SILENCE_SECONDS = 20.0  # a download that says nothing for so long is given up
_LARGEST = 64_000_000  # bytes of a file; of the known ones it is 26 million


def check_files(folder: Path, sha256: dict[str, str]) -> None:
    """Checks that a folder holds the named files with their sha256.

    Raises:
      InputError: names the folder or file that is missing, or the file that is wrong.
    """
    if not os.path.isdir(folder):
        raise InputError(
            f"there is no source folder {folder}: name one with the original files"
        )
    missing = [name for name in sha256 if not os.path.isfile(folder / name)]
    if missing:
        there = [name for name in sha256 if name not in missing]
        raise InputError(
            f"the source folder {folder} lacks {', '.join(missing)}: "
            + (f"add them to {', '.join(there)}" if there else "name one that has them")
        )
    for name, expected in sha256.items():
        try:
            with open(folder / name, "rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise InputError(f"{folder / name} cannot be read ({error})") from error
        if found != expected:
            raise InputError(
                f"{folder / name} has a wrong checksum: expected sha256 "
                f"{expected[:12]}..., found {found[:12]}...; replace it with the "
                "original file"
            )


def download_files(base_url: str, sha256: dict[str, str], folder: Path) -> None:
    """Saves the named files in a folder and checks their sha256.

    Raises:
      OSError: if a file cannot be had over HTTPS, has more than 64 MB or is not the
        expected one, at the latest after 20 seconds without an answer.
    """
    for name, expected in sha256.items():
        digest, size = hashlib.sha256(), 0
        with (
            open(folder / name, "wb") as file,
            contextlib.closing(_blocks(base_url + name)) as blocks,
        ):
            for block in blocks:
                if (size := size + len(block)) > _LARGEST:
                    raise OSError(f"{name} has more than {_LARGEST:,} bytes")
                file.write(block)
                digest.update(block)
        if digest.hexdigest() != expected:
            raise OSError(f"{name} arrived with a wrong checksum")


def _session() -> requests.Session:
    """A session that speaks HTTPS only, also where it is redirected."""
    session = requests.Session()
    del session.adapters["http://"]
    return session


def _blocks(url: str) -> Generator[bytes, None, None]:
    """Yields the content at a URL; raises OSError, also when nothing comes.

    The time-outs of sockets bound neither the look-up of a name nor the sum over a
    host's addresses, so the transfer runs in a thread and is left behind if silent.
    """
    blocks: queue.Queue[bytes | OSError] = queue.Queue(maxsize=16)
    unwanted = threading.Event()

    def transfer() -> None:
        try:
            with (
                _session() as session,
                session.get(url, stream=True, timeout=_SILENCE_SECONDS) as response,
            ):
                response.raise_for_status()
                for block in response.iter_content(1 << 16):
                    if unwanted.is_set():
                        return
                    blocks.put(block)
            blocks.put(b"")
        except OSError as error:
            blocks.put(error)

    threading.Thread(target=transfer, daemon=True).start()
    try:
        while block := _next_block(blocks):
            yield block
    finally:
        unwanted.set()
        with contextlib.suppress(queue.Empty):
            blocks.get_nowait()  # where the thread may wait


def _next_block(blocks: queue.Queue[bytes | OSError]) -> bytes:
    try:
        block = blocks.get(timeout=_SILENCE_SECONDS)
    except queue.Empty:
        raise TimeoutError(f"no answer for {_SILENCE_SECONDS:g} s") from None
    if isinstance(block, requests.exceptions.InvalidSchema):
        raise OSError("only https:// is allowed, also where it redirects") from block
    if isinstance(block, OSError):
        raise OSError(type(block).__name__) from block
    return block
