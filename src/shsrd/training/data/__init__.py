"""Training data: packed photos and scenes, and the batches made of them."""
