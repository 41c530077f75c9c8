"""The commands of ``meta``, one a file: parse, call one function, print."""
