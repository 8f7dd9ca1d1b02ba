"""generative_vs_discriminative."""
