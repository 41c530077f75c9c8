"""Second opinions on a fit from PyMARE, statsmodels and SciPy; the only place that imports the first two."""
