"""Abstract models, and the train step of all of them."""
