"""`python -m tests.sabotage`: how many of the planted mistakes the tests catch."""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from .mistakes import FOLDER, Mistake, faults, read_mistakes
from .planting import Memory, copy_repository, digest, passing, plant

ROOT = Path(__file__).resolve().parents[2]


def outcomes(
    mistakes: Sequence[Mistake], root: Path, copy: Path, memory: Memory
) -> Iterator[tuple[str, str]]:
    """ "caught", "survived" or "error" of each, and what pytest said if it was run now.

    A test must pass without the mistake, or its failure says nothing.
    """
    copy_repository(root, copy)
    keys = [digest(copy, mistake) for mistake in mistakes]
    new = [memory.get(key) is None for key in keys]
    tests = {m.test for m, is_new in zip(mistakes, new, strict=True) if is_new}
    good = passing(copy, tests)
    for mistake, key in zip(mistakes, keys, strict=True):
        if (found := memory.get(key)) is not None:
            yield found, ""
        elif mistake.test not in good:
            yield "error", "the test does not pass without the mistake"
        else:
            found, told = plant(copy, mistake)
            if found != "error":
                memory[key] = found
            yield found, told


def main(argv=None, *, root: Path = ROOT, folder: Path = FOLDER) -> int:
    """The command line; returns 0 if all were caught, 1 if not, 2 for bad input."""
    parser = argparse.ArgumentParser(prog="python -m tests.sabotage")
    parser.add_argument("--only", default="", help="text in file, kind or test")
    parser.add_argument("--list", action="store_true", help="show them, run nothing")
    state = root / ".sabotage" / "outcomes.json"
    parser.add_argument("--state", type=Path, default=state, help="what was found")
    args = parser.parse_args(argv)
    mistakes = read_mistakes(folder)
    if stale := faults(mistakes, root):
        print("\n".join(stale), file=sys.stderr)
        return 2
    chosen = [m for m in mistakes if args.only in f"{m.file} {m.kind} {m.test}"]
    if not chosen:
        print(f"no mistake has {args.only} in file, kind or test", file=sys.stderr)
        return 2
    if args.list:
        for m in chosen:
            print(f"{m.file} ({m.kind}): {m.test}")
        return 0
    count = dict(caught=0, survived=0, error=0)
    with tempfile.TemporaryDirectory() as temporary:
        found = outcomes(chosen, root, Path(temporary) / "copy", Memory(args.state))
        for number, (m, (outcome, told)) in enumerate(
            zip(chosen, found, strict=True), start=1
        ):
            count[outcome] += 1
            place = f"{number}/{len(chosen)}"
            print(f"{place} {outcome}: {m.file} ({m.kind}): {m.test}", flush=True)
            if outcome == "error":
                print(told, flush=True)
    print(f"caught {count['caught']} of {len(chosen)}", end="")
    print(f", {count['survived']} survived, {count['error']} errors")
    return 0 if count["caught"] == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
