"""Fivetran: sync connections (connectors), and check whether their syncs succeeded."""
