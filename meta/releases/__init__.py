"""Freezing a version of a review, and verifying one."""
