"""Pure rules of billing: prices, splits, allocations and the shape of journals."""
