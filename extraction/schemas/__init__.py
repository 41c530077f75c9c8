"""The codebooks, one module a sheet, each with its ``SCHEMA``; found by name through :func:`extraction.codebook.find_schema`."""
