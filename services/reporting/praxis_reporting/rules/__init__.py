"""Pure rules: ages, ranges of days, spreadsheet cells, and ids that survive a rebuild."""
