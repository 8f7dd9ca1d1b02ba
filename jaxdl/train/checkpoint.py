"""Checkpoints: complete, of this run, or not taken.

Orbax writes a checkpoint to a temporary folder and renames it when complete, so a kill
in the middle of a save leaves nothing that could be taken for one. Orbax does not
notice a flipped bit or a changed dtype: each leaf's SHA-256 is kept in the checkpoint's
metadata, and one over each of its files beside it, and both are checked when it is
read. The metadata also say whose state it is: a checkpoint of another run is refused.

A checkpoint is damaged only if its bytes are not those that were saved. One that the
system does not let us read is left as it is, and no file is deleted but a checkpoint of
our own that newer ones make needless.

A state is saved as a flat mapping from the path of each leaf to a NumPy array. The copy
to the host is all that training waits for; hashing and writing happen in a thread.
"""

import errno
import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxdl.errors import InputError, RunError
from jaxdl.files import read_regular
from jaxdl.train.disk import digest_of, set_aside, sync, write_json
from jaxdl.train.folder import differing_fields
from jaxdl.train.leaves import as_tree, from_host, key_impls, leaf_digests, to_host

SPARE_BYTES = 2**18  # for what a checkpoint holds besides its arrays
KEEP = 3  # a damaged newest checkpoint leaves two to fall back on
_STEP = re.compile(r"0|[1-9][0-9]{0,17}")
_UNFINISHED = re.compile(
    r"[0-9]+(\.deleting|\.sha256\.json(\.tmp)?|\.orbax-checkpoint-tmp(-[0-9]+)?)"
)
"""What a kill may leave of ours beside whole checkpoints."""


class Damaged(ValueError):
    """A checkpoint whose bytes are not those that were saved."""


class Checkpoint(NamedTuple):
    """A restored checkpoint: the step, the state, and its caller's notes."""

    step: int
    state: Any
    notes: Mapping[str, Any]


def _file_digests(folder: Path, names: Collection[str] | None = None) -> dict[str, str]:
    """SHA-256 of the files in a folder, by name; of those of these names only."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and (names is None or name in names):
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


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


def _is_refusal(error: BaseException) -> bool:
    """True if the system refused to read, which says nothing of the bytes."""
    refusals = (errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.EIO)
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, OSError) and error.errno in (*refusals, errno.ENOMEM):
        return True
    return any(os.strerror(number).lower() in str(error).lower() for number in refusals)


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
      run: JSON values that say whose they are; written into each and compared when
        one is read.
    """

    def __init__(
        self, folder: Path, warn: Callable[[str], None], run: Mapping[str, Any]
    ):
        self.folder = folder.absolute()  # Orbax refuses relative ones
        self._warn = warn
        self._run = dict(run)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._pending: Future[None] | None = None
        _quieten_orbax()

    def steps(self) -> list[int]:
        """Steps of the complete checkpoints on disk, ascending."""
        if not self.folder.is_dir():
            return []
        names = (path.name for path in self.folder.iterdir() if path.is_dir())
        return sorted(int(name) for name in names if _STEP.fullmatch(name))

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
        about = {"notes": dict(notes), "keys": key_impls(state), "run": self._run}
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
            if isinstance(error, FileNotFoundError) or not self.folder.is_dir():
                raise RunError(
                    f"{self.folder.parent} cannot be used any more: it, or files in "
                    "it, were removed while the run went on; give the same command "
                    "again, or name another folder with --out"
                ) from error
            full = is_disk_full(error)
            cause = "the disk is full" if full else " ".join(str(error).split())
            raise RunError(
                f"a checkpoint could not be saved in {self.folder}: {cause}; "
                f"{self.intact()}; {'make room' if full else 'mend that'} and give the "
                "same command again, without --overwrite"
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
            else "no checkpoint was saved yet"
        )

    def _manifest(self, step: int) -> Path:
        return self.folder / f"{step}.sha256.json"

    def _write(
        self, step: int, leaves: dict[str, np.ndarray], about: dict[str, Any]
    ) -> None:
        from orbax.checkpoint import v1 as ocp

        self.folder.mkdir(exist_ok=True)  # in a run's folder, which must be there
        # Seen beforehand, a full disk is one sentence; Orbax prints many on its way.
        needed = SPARE_BYTES + sum(array.nbytes for array in leaves.values())
        if shutil.disk_usage(self.folder).free < needed:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        target = self.folder / str(step)
        about = {"step": step, "sha256": leaf_digests(leaves), **about}
        metadata = {**about, "about_sha256": digest_of(about)}
        context = ocp.Context()
        # Weights are noise to a compressor: it took five times as long and, for every
        # copy of the state that is written anyway, two more in memory.
        context.array.saving.use_compression = False
        with context:
            ocp.save(target, leaves, custom_metadata=metadata)
        for path in (*target.rglob("*"), target, self.folder):
            sync(path)
        write_json(self._manifest(step), _file_digests(target))
        for old in self.steps()[:-KEEP]:
            self._delete(old)

    def _delete(self, step: int) -> None:
        self._rescue(step)
        # Renamed first: a kill in the middle must not leave half a checkpoint behind.
        doomed = self.folder / f"{step}.deleting"
        (self.folder / str(step)).rename(doomed)
        shutil.rmtree(doomed)
        self._manifest(step).unlink(missing_ok=True)

    def _rescue(self, step: int) -> None:
        """Move what others put into a checkpoint's folder out of it."""
        folder, manifest = self.folder / str(step), self._manifest(step)
        if not manifest.exists():
            return
        ours = json.loads(read_regular(manifest))
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if name not in ours and (path.is_symlink() or not path.is_dir()):
                moved = set_aside(path, self.folder.parent)
                self._warn(f"{path} is no file of a checkpoint: it is now {moved}")

    def clean(self) -> None:
        """Remove what a kill left unfinished: of ours, and nothing else."""
        kept = {self._manifest(step).name for step in self.steps()}
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            if _UNFINISHED.fullmatch(path.name) and path.name not in kept:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def set_aside_after(self, step: int) -> None:
        """Move every checkpoint later than `step` to the run's folder `set-aside`."""
        later = [each for each in self.steps() if each > step]
        for each in later:
            set_aside(self.folder / str(each), self.folder.parent)
            if self._manifest(each).exists():
                set_aside(self._manifest(each), self.folder.parent)
        if later:
            self._warn(
                f"what came after step {step} was moved to "
                f"{self.folder.parent / 'set-aside'} (checkpoints "
                f"{', '.join(map(str, later))})"
            )

    def restore(
        self, like: Any, fits: Callable[[Mapping[str, Any]], str | None] | None = None
    ) -> Checkpoint | None:
        """Read the newest good checkpoint; None if none was ever completed.

        Args:
          like: a tree of arrays, or of `jax.eval_shape`, as the state must be; None
            gives nested dicts in the form that the checkpoint itself describes.
          fits: says from a checkpoint's notes why the run cannot go on from there, or
            None if it can.

        Raises:
          InputError: if one is of another run.
          RunError: if there are checkpoints and none of them is good, or one cannot be
            read.
        """
        passed: dict[str, list[int]] = {}
        for step in reversed(self.steps()):
            try:
                found = self._read(step, like)
                cause = fits(found.notes) if fits else None
                cause = cause and f"cannot be used: {cause}"
            except Damaged as error:
                cause = f"is damaged: {error}"
            if cause is None:
                for cause, steps in passed.items():
                    for_all = f"checkpoint {self.folder / str(steps[0])}"
                    if steps[1:]:
                        for_all += f" and {len(steps) - 1} before it"
                    self._warn(f"{for_all} {cause}")
                return found
            passed.setdefault(cause, []).append(step)
        if passed:
            causes = "; ".join(
                _each(sorted(steps), cause) for cause, steps in reversed(passed.items())
            )
            raise RunError(
                f"no good checkpoint is left in {self.folder} ({causes}): put a good "
                "copy back of what is named here, or give --overwrite to set the "
                "folder aside and start again"
            )
        return None

    def _read(self, step: int, like: Any) -> Checkpoint:
        folder = self.folder / str(step)
        is_whole = self._matches_manifest(step)
        try:
            leaves, metadata = _load(folder)
        except Exception as error:
            cause = " ".join(str(error).split())[:200] or type(error).__name__
            if not is_whole and not _is_refusal(error):
                raise Damaged(cause) from None
            raise RunError(
                f"checkpoint {folder} cannot be read ({cause}): mend that, and give "
                "the same command again; nothing was changed"
            ) from error
        _check_digests(leaves, metadata, step)
        found = metadata.get("run")
        if found != self._run:
            differences = differing_fields(found, self._run) or ["it names no run"]
            raise InputError(
                f"checkpoint {folder} is of another run ({'; '.join(differences)}): "
                "move it out of that folder"
            )
        try:
            if like is None:
                state = as_tree(leaves, metadata["keys"])
            else:
                state = from_host(leaves, like)
        except ValueError as error:
            raise RunError(
                f"checkpoint {folder} holds a state of another form ({error}): it was "
                "saved by other code; go on with that, or give --overwrite to set the "
                "folder aside and start again"
            ) from None
        return Checkpoint(step, state, metadata["notes"])

    def _matches_manifest(self, step: int) -> bool:
        """True if each file has its SHA-256; False if there is no list of them.

        A kill may fall between a save's last two writes.

        Raises:
          Damaged: if a file differs or is missing. Others are none of ours.
          RunError: if the system does not let us read one.
        """
        folder, manifest = self.folder / str(step), self._manifest(step)
        try:
            expected = json.loads(read_regular(manifest))
            if not isinstance(expected, dict):
                raise Damaged(f"{manifest.name} holds no JSON object")
            found = _file_digests(folder, expected)
        except FileNotFoundError:
            return False
        except Damaged:
            raise
        except OSError as error:
            raise RunError(
                f"checkpoint {folder} cannot be read ({error.strerror or error}): mend "
                "that, and give the same command again; nothing was changed"
            ) from error
        except (ValueError, RecursionError):
            raise Damaged(f"{manifest.name} is not JSON") from None
        for name in sorted(expected):
            if expected[name] != found.get(name):
                raise Damaged(f"file {name} does not match its SHA-256")
        return True


def _each(steps: list[int], cause: str) -> str:
    if len(steps) == 1:
        return f"that of step {steps[0]} {cause}"
    if cause.startswith("is "):
        cause = "are " + cause.removeprefix("is ")
    return f"those of steps {', '.join(map(str, steps))} {cause}"


def _load(folder: Path) -> tuple[dict[str, np.ndarray], Mapping[str, Any]]:
    from orbax.checkpoint import v1 as ocp

    leaves = ocp.load(folder)
    metadata = ocp.metadata(folder).custom_metadata
    if not isinstance(leaves, dict) or not isinstance(metadata, dict):
        raise Damaged("it holds no arrays by name")
    return leaves, metadata


def _check_digests(
    leaves: Mapping[str, np.ndarray], metadata: Mapping[str, Any], step: int
) -> None:
    """Hold leaves and metadata against the checksums that were saved with them.

    Raises:
      Damaged: naming what differs.
    """
    about = {name: value for name, value in metadata.items() if name != "about_sha256"}
    if metadata.get("about_sha256") != digest_of(about):
        raise Damaged("its metadata do not match their SHA-256")
    found = leaf_digests(leaves)
    for name, digest in about["sha256"].items():
        if found.get(name) != digest:
            raise Damaged(f"leaf {name} does not match its SHA-256")
    if about["step"] != step:
        raise Damaged(f"it was saved as step {about['step']}")
