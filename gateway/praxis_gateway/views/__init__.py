"""Read-only joins for one screen, over several services."""
