"""The report: sentences, a context of finished texts, and the two forms it is written in."""
