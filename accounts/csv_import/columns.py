"""The columns of a file of people: their usual headers and words in English, German and Spanish."""

from config.spreadsheets import fold_header

_HEADERS = {
    "email": (
        *("email", "email address", "mail", "e-mail 1 - value", "work email"),
        *("e-mail-adresse", "mailadresse", "correo", "correo electrónico", "dirección de correo"),
    ),
    "name": ("name", "full name", "display name", "vollständiger name", "nombre completo", "nombre y apellidos"),
    "firstName": ("first name", "given name", "forename", "vorname", "rufname", "nombre", "nombre de pila"),
    "lastName": (
        *("last name", "surname", "family name", "nachname", "familienname", "zuname"),
        *("apellido", "apellidos"),
    ),
    "phone": (
        *("phone", "phone number", "telephone", "telephone number", "tel", "phone 1 - value", "work phone"),
        *("telefon", "telefonnummer", "rufnummer", "teléfono", "número de teléfono"),
    ),
    "mobile": (
        *("mobile", "mobile phone", "mobile number", "cell", "cell phone", "cellphone"),
        *("handy", "handynummer", "mobil", "mobiltelefon", "mobilnummer", "móvil", "celular", "teléfono móvil"),
    ),
    "role": ("role", "user role", "rolle", "rol", "función"),
    "locations": (
        *("locations", "location", "site", "sites", "branch", "branches", "standort", "standorte", "filiale"),
        *("filialen", "ubicación", "ubicaciones", "sede", "sedes", "sucursal", "sucursales", "centro", "centros"),
    ),
    "userSkills": (
        *("user skills", "skills", "skill", "fähigkeiten", "qualifikationen", "kenntnisse", "habilidades"),
        *("competencias", "aptitudes"),
    ),
}
_EXPORTED_HEADERS = (*("profile name", "status", "invited", "first signed in", "time zone", "user id", "location ids"),)
"""Columns of the list of people as CSV that say what an import cannot set."""
_ROLES = {
    "owner": ("owner", "inhaber", "inhaberin", "propietario", "propietaria"),
    "admin": ("admin", "administrator", "administratorin", "administrador", "administradora"),
    "manager": ("manager", "managerin", "leiter", "leiterin", "leitung", "gerente", "encargado", "encargada"),
    "staff": (
        *("staff", "employee", "member", "mitarbeiter", "mitarbeiterin", "mitarbeitende", "personal"),
        *("empleado", "empleada"),
    ),
}
_ALL_LOCATIONS = (
    *("all", "all locations", "alle", "alle standorte", "alle filialen", "todas", "todos", "todas las ubicaciones"),
)

KEYS_BY_HEADER = {fold_header(header): key for key, headers in _HEADERS.items() for header in headers}
IGNORED_HEADERS = frozenset(map(fold_header, _EXPORTED_HEADERS))
ROLES_BY_WORD = {fold_header(word): role for role, words in _ROLES.items() for word in words}
WORDS_FOR_ALL = frozenset(map(fold_header, _ALL_LOCATIONS))
