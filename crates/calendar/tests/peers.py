# Reads calendars, one JSON list [text, from, until] a line, and prints the times of their events as [[start, end], ...] in seconds.
# The libraries are other people's: icalendar, recurring-ical-events, python-dateutil.
import datetime
import json
import sys

import icalendar
import recurring_ical_events

UTC = datetime.timezone.utc


def seconds(when):
    if not isinstance(when, datetime.datetime):
        when = datetime.datetime(when.year, when.month, when.day, tzinfo=UTC)
    return int(when.timestamp())


for line in sys.stdin:
    text, start, end = json.loads(line)
    calendar = icalendar.Calendar.from_ical(text)
    times = [datetime.datetime.fromtimestamp(at, UTC) for at in (start, end)]
    events = recurring_ical_events.of(calendar).between(*times)
    # The library leaves it to its callers what a cancelled event means.
    living = [event for event in events if event.get("STATUS") != "CANCELLED"]
    print(json.dumps(sorted([seconds(event.start), seconds(event.end)] for event in living)), flush=True)
