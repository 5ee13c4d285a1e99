"""What a compiled step takes for granted, and what it may call: known to be repeatable, compared, or refused."""
