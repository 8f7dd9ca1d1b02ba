"""char_lm."""
