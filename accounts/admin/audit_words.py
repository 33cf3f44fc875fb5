"""Words for fields of people, locations and customers in the audit."""

from config.admin.audit_text import FieldWords

WORDS = {
    "name": FieldWords("Name"),
    "email": FieldWords("E-mail"),
    "role": FieldWords("Role"),
    "locations": FieldWords("Locations"),
    "permissions": FieldWords("Extra permissions"),
    "denied": FieldWords("Denied permissions"),
    "skills": FieldWords("Skills"),
    "status": FieldWords("Status"),
    "timeZone": FieldWords("Time zone"),
    "time_zone": FieldWords("Time zone"),
    "profile_name": FieldWords("Profile name"),
    "eraseAt": FieldWords("Erased at"),
}
