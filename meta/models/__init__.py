"""Stage 4: effects + spec -> Fit."""
