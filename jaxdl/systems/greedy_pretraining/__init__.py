"""greedy_pretraining."""
