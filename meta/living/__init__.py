"""Stage 6: versions of a review set side by side."""
