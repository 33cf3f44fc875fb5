"""What records of telephony name in other tables: `manage.py restore check` follows it.

Not records that expire: DynamoDB removes them one by one.
"""

from config.restore.references import Reference

REFERENCES = (
    Reference("phone-numbers", "customer_id", "customers"),
    Reference("phone-numbers", "location_id", "ivr"),
    Reference("phone-quotas", "customer_id", "customers"),
    Reference("ivr", "customer_id", "customers"),
    Reference("ivr", "number", "phone-numbers"),
    Reference("ivr-revisions", "location_id", "ivr"),
    Reference("public-hours", "location_id", "ivr"),
    Reference("number-profiles", "customer_id", "customers"),
    Reference("blocked-callers", "customer_id", "customers"),
)
