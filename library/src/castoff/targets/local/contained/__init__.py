"""A release that is an image: it runs in a container, and connections are led on to it."""
