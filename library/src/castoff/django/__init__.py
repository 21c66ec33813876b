"""The Django app that a project installs: release stamp, health check, probe, guarded migrate.

Imports Django and the standard library only: it runs inside the deployed application.
"""
