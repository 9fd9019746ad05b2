"""Many questions from one file: the points of a sweep, who answers them, and what comes out."""
