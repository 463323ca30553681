"""How bytes travel: pure generators, one file each."""
