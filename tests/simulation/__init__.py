"""A model of each vendor that makes random timelines with a known truth, driven through the real clients."""
