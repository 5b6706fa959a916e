"""Categories: how they are drawn, where q(c|x) comes from, and q(z|x, c)."""
