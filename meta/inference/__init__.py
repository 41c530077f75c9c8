"""From kernel output to intervals, tests and predictions; arrays in, arrays out."""
