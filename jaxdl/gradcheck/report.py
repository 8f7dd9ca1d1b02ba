"""What the gradient check found: tables for the terminal, and JSON."""

import math
from collections.abc import Sequence
from typing import Any

from jaxdl.gradcheck.backprop import Line
from jaxdl.gradcheck.branches import Branch
from jaxdl.gradcheck.judge import METHODS, SECOND_TOLERANCE, TOLERANCE, LeafReport


def format_table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as lines of aligned text, the first row as a heading."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def format_report(leaves: Sequence[LeafReport]) -> str:
    """A line for each leaf with the worst error of each method, then what stands out.

    A method without a number did not cover the leaf: "hand" where there is no
    derivation by hand, "complex" where the function is not analytic.
    """
    methods = [name for name in METHODS if any(name in leaf.errors for leaf in leaves)]
    heading = ["Function", "Leaf", "Shape", "Checked", *methods, "order 2", "Status"]
    rows = [
        [
            leaf.function,
            leaf.leaf,
            "x".join(map(str, leaf.shape)) or "number",
            _checked(leaf),
            *(_number(leaf.errors.get(name)) for name in methods),
            _number(leaf.second),
            leaf.status,
        ]
        for leaf in leaves
    ]
    parts = [format_table([heading, *rows])]
    listings = {
        "Left out, for differences cross a kink or drown in rounding": [
            f"{leaf.function}: {place}" for leaf in leaves for place in leaf.left_out
        ]
        + [
            f"{leaf.function}: {leaf.second_left_out} of {leaf.leaf} at order 2"
            for leaf in leaves
            if leaf.second_left_out
        ]
        + [f"{leaf.function}: {line}" for leaf in leaves for line in leaf.elsewhere],
        "Zero at every entry, and rightly so: nothing was shown": [
            f"{leaf.function}: {leaf.leaf}" for leaf in leaves if leaf.status == "zero"
        ],
        "Notes": [
            f"{leaf.function}: {leaf.leaf}: {note}"
            for leaf in leaves
            for note in leaf.notes
        ],
        "Branches, each way of which some point took": [
            f"{function}: {_place(branch)}: {' and '.join(branch.seen)}"
            for function, branch in _branches(leaves)
            if not branch.unseen
        ],
        "Ways that no point took, of which nothing was shown": [
            f"{function}: {_place(branch)}: never {' nor '.join(branch.unseen)}"
            for function, branch in _branches(leaves)
            if branch.unseen
        ],
        "FAILED": [_failure(leaf) for leaf in leaves if leaf.failed],
    }
    for title, lines in listings.items():
        if lines:
            parts.append("\n".join([f"{title}:", *(f"  {line}" for line in lines)]))
    return "\n\n".join([*parts, _summary(leaves)])


def _branches(leaves: Sequence[LeafReport]) -> list[tuple[str, Branch]]:
    """The branches of each function once, though each of its leaves holds them."""
    found = {
        (leaf.function, branch): None for leaf in leaves for branch in leaf.branches
    }
    return list(found)


def _place(branch: Branch) -> str:
    return f"{branch.kind} at {branch.where}" if branch.where else branch.kind


def _checked(leaf: LeafReport) -> str:
    checked = f"{leaf.entries} of {math.prod(leaf.shape)}"
    checked += f" + {leaf.directions} dir." if leaf.directions else ""
    return checked + (f" - {len(leaf.left_out)}" if leaf.left_out else "")


def _number(error: float | None) -> str:
    if error is None:
        return "-"
    return "0" if error == 0 else f"{error:.1e}"


def _failure(leaf: LeafReport) -> str:
    name = f"{leaf.function}: {leaf.leaf}"
    if leaf.status == "unchecked":
        return f"{name}: unchecked: {leaf.why}"
    reasons = []
    if leaf.worst > TOLERANCE:
        reasons.append(f"error {leaf.worst:.1e} ({leaf.worst_at})")
    if leaf.second is not None and leaf.second > SECOND_TOLERANCE:
        reasons.append(f"error {leaf.second:.1e} at order 2")
    return f"{name}: {'; '.join(reasons)}"


def _summary(leaves: Sequence[LeafReport]) -> str:
    shown = [leaf for leaf in leaves if leaf.status != "zero"]
    first = max((leaf.worst for leaf in shown), default=0.0)
    second = max((leaf.second or 0.0 for leaf in shown), default=0.0)
    failed = sum(leaf.failed for leaf in leaves)
    functions = len(dict.fromkeys(leaf.function for leaf in leaves))
    verdict = f"{failed} of them FAILED" if failed else "all within tolerance"
    zero = len(leaves) - len(shown)
    nothing = (
        f"; {zero} with a zero gradient, correct but uninformative" if zero else ""
    )
    points = max((leaf.points for leaf in leaves), default=1)
    leaf_word = "leaf" if len(leaves) == 1 else "leaves"
    function_word = "function" if functions == 1 else "functions"
    return (
        f"{len(leaves)} {leaf_word} of {functions} {function_word} at "
        f"{'1 point' if points == 1 else f'up to {points} points'}, {verdict}: worst "
        f"error {first:.1e} at order 1 (tolerance {TOLERANCE:g}), {second:.1e} at "
        f"order 2 (tolerance {SECOND_TOLERANCE:g}){nothing}"
    )


def as_json(leaves: Sequence[LeafReport], **settings: Any) -> dict[str, Any]:
    """The report as what JSON can hold; an error that is not finite becomes null.

    Args:
      leaves: the report.
      **settings: what it was made with, added as it is.
    """

    def number(x: float | None) -> float | None:
        return x if x is not None and math.isfinite(x) else None

    rows = [
        leaf._asdict()
        | {
            "errors": {name: number(error) for name, error in leaf.errors.items()},
            "worst": number(leaf.worst),
            "second": number(leaf.second),
            "branches": [branch._asdict() for branch in leaf.branches],
        }
        for leaf in leaves
    ]
    return {
        "passed": not any(leaf.failed for leaf in leaves),
        "tolerance": TOLERANCE,
        "second_tolerance": SECOND_TOLERANCE,
        **settings,
        "leaves": rows,
    }


def format_worked_example(lines: Sequence[Line]) -> str:
    """The course's example of backpropagation, a line for each quantity."""
    return format_table(
        [
            ("Quantity", "Formula", "Value"),
            *((line.name, line.formula, f"{line.value:.9f}") for line in lines),
        ]
    )
