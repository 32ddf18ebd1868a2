"""Documents that billing prints."""
