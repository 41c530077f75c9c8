"""Second opinions on a fit from PyMARE and statsmodels, the only place that imports them."""
