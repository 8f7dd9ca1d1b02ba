"""long_lag."""
