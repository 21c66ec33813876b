"""A release command that fails."""

import sys

sys.exit("relation rummy_game does not exist")
