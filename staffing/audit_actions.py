"""Audited actions of schedules, templates, notes of days and calendar feeds, with meanings."""

ACTIONS = {
    "daynote.changed": "The note of a day at a location was set or changed.",
    "daynote.removed": "The note of a day at a location was deleted.",
    "feed.closed": "The calendar feed was closed.",
    "feed.opened": "The calendar feed was opened; an earlier URL stopped working.",
    "schedule.changed": "The schedule was changed.",
    "schedule.created": "The schedule was created.",
    "schedule.parted": "The schedule ended because its user or location was removed.",
    "schedule.removed": "The schedule was deleted.",
    "schedule.split": "The series was split in two.",
    "template.changed": "The schedule template was changed.",
    "template.created": "The schedule template was created.",
    "template.removed": "The schedule template was deleted.",
}
