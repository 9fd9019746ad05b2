"""Everything that reads or writes users' files: YAML to the core's objects and back."""
