"""The RPCs of scheduling."""
