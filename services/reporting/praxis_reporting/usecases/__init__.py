"""What events do to the read models, and how reports are made from them."""
