"""Ends before it serves, and says the database's address, which has a password in it."""

import os
import sys

sys.exit(f"no REDIS_URL beside {os.environ['DATABASE_URL']}")
