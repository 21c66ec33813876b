"""The report: a page for every run that changes or checks something, and the history of them.

A page needs no network and no script. Whatever it shows passes the redactor first; see html.py.
"""
