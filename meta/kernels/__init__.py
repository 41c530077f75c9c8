"""Stage 3: arrays in, arrays out.

Axes, said once: B analyses side by side, k studies, p coefficients. Public arrays are ``(B, k)``; inside the
kernels they are study-major, ``(k, B)``, and sums run study after study, so that the bits of a column depend
neither on its batch nor on the studies it leaves out.
"""
