"""The rows of the table of faults, a module for each family; each has a tuple ``ROWS``."""
