"""The models beside what was measured or published: one module for each set of figures, listed in `catalog`."""
