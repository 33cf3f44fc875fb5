"""One format of dates and times, as `config.backoffice.clock` writes them."""

DATETIME_FORMAT = SHORT_DATETIME_FORMAT = "D j M Y, H:i"
DATE_FORMAT = SHORT_DATE_FORMAT = "D j M Y"
TIME_FORMAT = "H:i"
