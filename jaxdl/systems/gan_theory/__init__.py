"""gan_theory."""
