"""Results, published figures and the table that sets them side by side."""
