"""The codebooks, one module a sheet, each with its ``SCHEMA``; ``extraction.codebook.find_schema`` finds them."""
