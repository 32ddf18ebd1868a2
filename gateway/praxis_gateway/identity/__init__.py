"""Identity: practices, people, roles, sessions and keys, with a database of its own."""
