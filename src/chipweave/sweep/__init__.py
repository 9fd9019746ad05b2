"""Many questions from one file: the points of a sweep, the processes that answer them, and what comes out."""
