"""The systems, a folder each."""
