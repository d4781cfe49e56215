"""Acme: trigger jobs, and check whether their runs succeeded."""
