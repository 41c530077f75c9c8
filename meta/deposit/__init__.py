"""What an archive needs to understand a run: sheets as plain CSV, data package, RO-Crate, manifest."""
