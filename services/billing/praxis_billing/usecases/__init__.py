"""What billing does, as verbs."""
