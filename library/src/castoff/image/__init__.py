"""The image: built from the commit, audited, and booted. It knows Docker, no target and no step."""
