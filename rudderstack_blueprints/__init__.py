"""RudderStack: trigger Reverse ETL connections and sources, check whether their syncs succeeded, list syncs."""
