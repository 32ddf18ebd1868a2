"""What people and programs do with their access."""
