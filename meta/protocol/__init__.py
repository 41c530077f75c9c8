"""The plan declared in advance, ``review.toml``: its shape, its checks, and the rows that it chooses."""
