"""Derivatives by hand, and checks of all the others."""
