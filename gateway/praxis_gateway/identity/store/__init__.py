"""Tables of identity and the questions asked of them."""
