"""Fivetran: start connections (connectors), and tell how their syncs ended."""
