"""One format of dates and times, as `config.backoffice.clock` writes them, with the zone."""

DATETIME_FORMAT = SHORT_DATETIME_FORMAT = "D j M Y, H:i T"
DATE_FORMAT = SHORT_DATE_FORMAT = "D j M Y"
TIME_FORMAT = "H:i"
