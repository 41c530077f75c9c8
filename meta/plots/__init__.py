"""Figures, every coordinate a number of the results.

Laid out from measured text in millimetres, drawn by matplotlib's object API, written as SVG, PDF or PNG.
"""
