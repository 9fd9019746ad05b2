"""Networks in the files of other tools, read into models."""
