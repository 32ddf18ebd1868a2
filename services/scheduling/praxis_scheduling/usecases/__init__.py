"""What a practice does with its calendar."""
