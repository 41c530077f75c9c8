"""Numbers and tables as people read them."""
