"""gan_modes."""
