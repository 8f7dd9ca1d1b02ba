"""vanishing_gradient."""
