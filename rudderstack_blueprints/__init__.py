"""RudderStack: start Reverse ETL connections and sources, and tell how their syncs ended."""
