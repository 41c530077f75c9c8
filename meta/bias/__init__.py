"""Stage 5: small-study effects and publication bias."""
