"""Measurements of the clients that take longer than a test may."""
