"""Nango: start syncs of integrations and their connections, and tell how they ended."""
