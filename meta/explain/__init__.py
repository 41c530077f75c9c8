"""Where a number of results.json comes from, told backwards: fit, formula, studies, rows, cells, sources."""
