"""How fast, how heavy, how calm: each figure beside that of a peer measured in the same run. `make bench` runs them."""
