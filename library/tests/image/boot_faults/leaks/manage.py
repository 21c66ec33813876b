"""A release command that has nothing to do."""
