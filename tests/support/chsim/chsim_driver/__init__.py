"""What tests need to drive the simulator from outside: its process, inbound files, and a reader of its answers."""
