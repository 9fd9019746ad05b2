"""Answers by the hash of their question, in a database: a file (SQLite) or PostgreSQL, by the same code."""
