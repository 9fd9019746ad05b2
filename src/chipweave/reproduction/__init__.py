"""Published figures beside ours: what each paper shows, asked again, and what we find."""
