"""The codebooks, one module a sheet, each with its ``SCHEMA``; see ``extraction.codebook.find_schema``."""
