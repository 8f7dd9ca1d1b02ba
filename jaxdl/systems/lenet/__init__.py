"""lenet."""
