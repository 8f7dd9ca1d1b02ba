"""Checkpoints: complete, or detected as damaged.

Orbax writes a checkpoint to a temporary folder and renames it when complete, so a kill
in the middle of a save leaves nothing that could be taken for one. Orbax does not
notice a flipped bit or a changed dtype: each leaf's SHA-256 is kept in the checkpoint's
metadata, and one over each of its files beside it, and both are checked when it is
read.

A state is saved as a flat mapping from the path of each leaf to a NumPy array. The copy
to the host is all that training waits for; hashing and writing happen in a thread.
"""

import errno
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxdl.errors import RunError
from jaxdl.train.leaves import as_tree, from_host, key_impls, leaf_digests, to_host

SPARE_BYTES = 2**18  # for what a checkpoint holds besides its arrays
KEEP = 3  # a damaged newest checkpoint leaves two to fall back on


class Checkpoint(NamedTuple):
    """A restored checkpoint: the step, the state, and its caller's notes."""

    step: int
    state: Any
    notes: Mapping[str, Any]


def _file_digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


class _NotFromOrbax(logging.Filter):
    """Drops what Orbax logs: hundreds of lines at a damaged checkpoint.

    A failed read is one sentence of ours instead. Asyncio reports some failures of
    Orbax's tasks itself, and may do so when the run is over.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep a record unless it comes from Orbax's files or one of its tasks."""
        if "orbax" in Path(record.pathname).parts:
            return False
        return record.name != "asyncio" or "orbax" not in record.getMessage()


_NOT_FROM_ORBAX = _NotFromOrbax()


def _quieten_orbax() -> None:
    """Install the filter; once is enough, and it changes no level."""
    import absl.logging  # it must make its logger itself  # noqa: F401

    for name in ("absl", "asyncio"):
        logging.getLogger(name).addFilter(_NOT_FROM_ORBAX)


def is_disk_full(error: BaseException) -> bool:
    """True if an error says that there is no space left (tensorstore's too)."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return "no space left" in str(error).lower()


class Checkpoints:
    """The checkpoints of one run, newest last, at most `KEEP` of them.

    Args:
      folder: where they live; made when the first is saved.
      warn: gets a sentence for each damaged checkpoint that is passed over.
    """

    def __init__(self, folder: Path, warn: Callable[[str], None]):
        self.folder = folder.absolute()  # Orbax refuses relative ones
        self._warn = warn
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._pending: Future[None] | None = None
        _quieten_orbax()

    def steps(self) -> list[int]:
        """Steps of the complete checkpoints on disk, ascending."""
        if not self.folder.is_dir():
            return []
        return sorted(int(p.name) for p in self.folder.iterdir() if p.name.isdigit())

    def save(self, step: int, state: Any, notes: Mapping[str, Any]) -> None:
        """Save in the background; waits only for an earlier save and the host copy.

        Args:
          step: the step after which `state` stands.
          state: any tree of arrays; its buffers may be donated once this returns.
          notes: JSON values kept beside it.

        Raises:
          RunError: if the earlier save failed, or `state` is not finite.
        """
        self.wait()
        leaves = to_host(state)
        for name, array in leaves.items():
            if (
                jnp.issubdtype(array.dtype, jnp.inexact)
                and not np.isfinite(array).all()
            ):
                raise RunError(
                    f"the state holds a non-finite value in {name} after step {step}; "
                    f"{self.intact()}"
                )
        about = {"notes": dict(notes), "keys": key_impls(state)}
        self._pending = self._writer.submit(self._write, step, leaves, about)

    def wait(self) -> None:
        """Wait for the save under way, if any.

        Raises:
          RunError: if it could not be written.
        """
        if self._pending is None:
            return
        pending, self._pending = self._pending, None
        try:
            pending.result()
        except Exception as error:
            cause = "the disk is full" if is_disk_full(error) else str(error)
            raise RunError(
                f"a checkpoint could not be saved in {self.folder}: {cause}; "
                f"{self.intact()}; make room and give the same command again, without "
                "--overwrite"
            ) from error

    def close(self) -> None:
        """Let the save under way finish, and the thread with it."""
        self._writer.shutdown(wait=True)

    def newest(self) -> int | None:
        """Step of the newest complete checkpoint, if there is one."""
        return max(self.steps(), default=None)

    def intact(self) -> str:
        """What a run that must stop can say of its checkpoints."""
        steps = self.steps()
        return (
            f"the checkpoint of step {steps[-1]} is kept"
            if steps
            else "none was saved yet"
        )

    def _manifest(self, step: int) -> Path:
        return self.folder / f"{step}.sha256.json"

    def _write(
        self, step: int, leaves: dict[str, np.ndarray], about: dict[str, Any]
    ) -> None:
        from orbax.checkpoint import v1 as ocp

        self.folder.mkdir(parents=True, exist_ok=True)
        # Seen beforehand, a full disk is one sentence; Orbax prints many on its way.
        needed = SPARE_BYTES + sum(array.nbytes for array in leaves.values())
        if shutil.disk_usage(self.folder).free < needed:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        target = self.folder / str(step)
        metadata = {"step": step, "sha256": leaf_digests(leaves), **about}
        context = ocp.Context()
        # Weights are noise to a compressor: it took five times as long and, for every
        # copy of the state that is written anyway, two more in memory.
        context.array.saving.use_compression = False
        with context:
            ocp.save(target, leaves, custom_metadata=metadata)
        partial = self.folder / f"{step}.sha256.json.tmp"
        partial.write_text(json.dumps(_file_digests(target), indent=1))
        os.replace(partial, self._manifest(step))
        for old in self.steps()[:-KEEP]:
            self._delete(old)

    def _delete(self, step: int) -> None:
        # Renamed first: a kill in the middle must not leave half a checkpoint behind.
        doomed = self.folder / f"{step}.deleting"
        (self.folder / str(step)).rename(doomed)
        shutil.rmtree(doomed)
        self._manifest(step).unlink(missing_ok=True)

    def clean(self, after: int | None = None) -> None:
        """Remove what a kill left unfinished, and any checkpoint later than `after`."""
        for step in self.steps():
            if after is not None and step > after:
                self._delete(step)
        keep = {str(step) for step in self.steps()}
        keep |= {self._manifest(step).name for step in self.steps()}
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            if path.name not in keep:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def restore(self, like: Any) -> Checkpoint | None:
        """Read the newest good checkpoint; None if none was ever completed.

        Args:
          like: a tree of arrays, or of `jax.eval_shape`, as the state must be; None
            gives nested dicts in the form that the checkpoint itself describes.

        Raises:
          RunError: if there are checkpoints and none of them is good.
        """
        damaged = []
        for step in reversed(self.steps()):
            try:
                return self._read(step, like)
            except Exception as error:
                cause = " ".join(str(error).split())[:200]
                damaged.append(step)
                self._warn(f"checkpoint {self.folder / str(step)} is damaged: {cause}")
        if damaged:
            raise RunError(
                f"no good checkpoint is left in {self.folder} (damaged: steps "
                f"{', '.join(map(str, sorted(damaged)))}): put a good one back, or "
                "give --overwrite to set the folder aside and start again"
            )
        return None

    def _read(self, step: int, like: Any) -> Checkpoint:
        folder = self.folder / str(step)
        manifest = self._manifest(step)
        if manifest.exists():  # a kill may fall between a save's last two writes
            expected, found = json.loads(manifest.read_text()), _file_digests(folder)
            for name in sorted(expected.keys() | found.keys()):
                if expected.get(name) != found.get(name):
                    raise ValueError(f"file {name} does not match its SHA-256")
        from orbax.checkpoint import v1 as ocp

        leaves = ocp.load(folder)
        metadata = ocp.metadata(folder).custom_metadata
        found = leaf_digests(leaves)
        for name, digest in metadata["sha256"].items():
            if found.get(name) != digest:
                raise ValueError(f"leaf {name} does not match its SHA-256")
        if metadata["step"] != step:
            raise ValueError(f"metadata records step {metadata['step']}")
        if like is None:
            state = as_tree(leaves, metadata.get("keys", {}))
        else:
            state = from_host(leaves, like)
        return Checkpoint(step, state, metadata["notes"])
