"""A synthetic scene made of materials, a landscape and a settlement."""
