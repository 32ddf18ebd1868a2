"""Pure rules of scheduling: hours, lanes, free starts and states."""
