"""Nango: trigger syncs of integrations, and check whether they succeeded."""
