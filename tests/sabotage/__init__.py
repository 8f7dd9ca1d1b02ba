"""Planted mistakes, each with the test that must see it.

    python -m tests.sabotage
    python -m tests.sabotage --only experiments/gan.py
    python -m tests.sabotage --list

The JSON files of this folder are lists of mistakes: `file`, the text `before` that
stands there exactly once, the text `after` that a mistake would leave, the `test` that
must fail, and what `kind` of mistake it is. Each is planted alone in a copy of the
repository. That takes up to an hour, so it is no part of the ordinary run; what was
found is remembered until the mistake, its file or its test changes.
"""
