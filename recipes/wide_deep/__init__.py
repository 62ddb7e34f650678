"""Wide & deep learning on tables and recommendation logs (Cheng et al. 2016)."""
