"""Original files: checked against their sha256, or downloaded."""

import hashlib
import os
import queue
import threading
from pathlib import Path

import requests

from jaxdl.errors import InputError

_SILENCE_SECONDS = 20.0  # a download that says nothing for so long is given up


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
        raise InputError(
            f"the source folder {folder} lacks {', '.join(missing)}: expected all of "
            f"{', '.join(sha256)}"
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
      OSError: if a file cannot be had or is not the expected one, at the latest after
        20 seconds without an answer.
    """
    for name, expected in sha256.items():
        digest = hashlib.sha256()
        with open(folder / name, "wb") as file:
            for block in _blocks(base_url + name):
                file.write(block)
                digest.update(block)
        if digest.hexdigest() != expected:
            raise OSError(f"{name} arrived with a wrong checksum")


def _blocks(url: str):
    """Yields the content at a URL; raises OSError, also when nothing comes.

    The time-outs of sockets bound neither the look-up of a name nor the sum over a
    host's addresses, so the transfer runs in a thread and is left behind if silent.
    """
    blocks: queue.SimpleQueue[bytes | OSError] = queue.SimpleQueue()

    def transfer() -> None:
        try:
            with requests.get(url, stream=True, timeout=_SILENCE_SECONDS) as response:
                response.raise_for_status()
                for block in response.iter_content(1 << 16):
                    blocks.put(block)
            blocks.put(b"")
        except OSError as error:
            blocks.put(error)

    threading.Thread(target=transfer, daemon=True).start()
    while True:
        try:
            block = blocks.get(timeout=_SILENCE_SECONDS)
        except queue.Empty:
            raise TimeoutError(f"no answer for {_SILENCE_SECONDS:g} s") from None
        if isinstance(block, OSError):
            raise OSError(type(block).__name__) from block
        if not block:
            return
        yield block
