"""Stage 2: a row becomes an effect size (y, v)."""
