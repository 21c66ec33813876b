"""Twelve weeks of matches, always the same; run by the release's own `manage.py shell`."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from project.leaderboard.services import record_match

# winner, loser, how it ended, points
MATCHES = """
Ida Marlow|Theo Park|gin|41
Noor Haddad|Ida Marlow|knock|12
Ida Marlow|Jonas Weiß|gin|36
Theo Park|Mina Sato|undercut|27
Mina Sato|Noor Haddad|gin|33
Ida Marlow|Oskar Lind|knock|18
Noor Haddad|Theo Park|gin|45
Jonas Weiß|Mina Sato|knock|9
Ida Marlow|Noor Haddad|undercut|31
Oskar Lind|Jonas Weiß|gin|38
Theo Park|Oskar Lind|knock|14
Mina Sato|Ida Marlow|gin|29
Ida Marlow|Mina Sato|gin|44
Noor Haddad|Jonas Weiß|knock|22
Theo Park|Noor Haddad|gin|35
Ida Marlow|Theo Park|knock|16
Beatriz Alves|Oskar Lind|gin|30
Noor Haddad|Mina Sato|undercut|28
Ida Marlow|Beatriz Alves|gin|39
Mina Sato|Theo Park|knock|11
Jonas Weiß|Oskar Lind|knock|15
Kofi Mensah|Jonas Weiß|gin|42
Kofi Mensah|Beatriz Alves|knock|13
Ida Marlow|Jonas Weiß|knock|20
""".strip().splitlines()
FIRST = datetime(2026, 6, 1, 19, 30, tzinfo=UTC)
APART = timedelta(days=4)

for number, line in enumerate(MATCHES):
    winner, loser, kind, points = line.split("|")
    match = record_match(
        winner=winner, loser=loser, kind=kind, points=int(points), entry=UUID(int=number)
    ).match
    match.played_at = FIRST + number * APART
    match.save()
