"""SCAR's claims, section by section."""
