"""Categories: how they are drawn, where q(c|x) comes from, and how q(z|x, c) depends on them."""
