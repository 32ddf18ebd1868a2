"""What identity decides without looking at anything but its arguments."""
