"""The catalogue of data sets, their preparation, and the makers of the sample sets."""
