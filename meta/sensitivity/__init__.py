"""Stage 5: the same fit on other subsets or choices -> Refits."""
