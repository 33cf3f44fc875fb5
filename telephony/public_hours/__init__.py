"""Public opening hours of lines: for web pages and calendars, without sign-in."""
