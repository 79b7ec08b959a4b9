"""Results: the numbers of a run, their files and their schema."""
