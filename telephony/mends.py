"""What makes calls ring people whom they do not: who can do it, and how it is said. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

MendedBy = Literal["person", "planner", "administrator", "operator"]


class Text(NamedTuple):
    """A text in the languages of `preferences.LANGUAGES`; some have ``{name}``, the person's."""

    en: str
    de: str
    es: str

    def get(self, language: str) -> str:
        """The text in a language; in English if there is none."""
        return str(getattr(self, language)) if language in self._fields else self.en


@dataclass(frozen=True)
class Mend:
    """What somebody can do so that a call rings a person."""

    code: str
    by: MendedBy
    """Who can: the person themselves, who plans the rota, an administrator of the customer or of
    the configuration, or an operator."""
    of: Literal["person", "reason"]
    """What it concerns: the person, or the rota or configuration, which the reason tells."""
    label: str
    """Of a link in the back office."""
    sentence: Text
    advice: Text | None = None
    """To the person, if they can do it."""


_MENDS = (
    Mend("verify", "person", "person", "Ask to verify",
         Text("{name} can verify the phone number in the app.",
              "{name} kann die Telefonnummer in der App bestätigen.",
              "{name} puede verificar el número de teléfono en la aplicación."),
         Text("Verify your phone number in the app.", "Bestätigen Sie Ihre Telefonnummer in der App.",
              "Verifique su número de teléfono en la app.")),
    Mend("accept", "person", "person", "Resend invitation",
         Text("{name} can accept the invitation, which can be sent again, and turn calls on in the app.",
              "{name} kann die Einladung annehmen, die auch noch einmal gesendet werden kann, und Anrufe in der App"
              " einschalten.",
              "{name} puede aceptar la invitación, que se puede volver a enviar, y activar las llamadas en la app."),
         Text("Accept the invitation, then turn calls on in the app.",
              "Nehmen Sie die Einladung an und schalten Sie dann Anrufe in der App ein.",
              "Acepte la invitación y después active las llamadas en la app.")),
    Mend("ring", "person", "person", "Turn calls on",
         Text("{name} can turn calls on in the app.",
              "{name} kann Anrufe in der App einschalten.",
              "{name} puede activar las llamadas en la aplicación."),
         Text("Turn calls on in the app.", "Schalten Sie Anrufe in der App ein.", "Active las llamadas en la app.")),
    Mend("resume", "person", "person", "Open person",
         Text("{name} can end the break in the app.",
              "{name} kann die Pause in der App beenden.",
              "{name} puede terminar la pausa en la aplicación."),
         Text("End your break in the app.", "Beenden Sie Ihre Pause in der App.", "Termine su pausa en la app.")),
    Mend("phone", "person", "person", "Add a phone",
         Text("{name} can enter a phone number in the app and verify it.",
              "{name} kann in der App eine Telefonnummer eintragen und bestätigen.",
              "{name} puede indicar un número de teléfono en la aplicación y verificarlo."),
         Text("Enter your phone number in the app and verify it.",
              "Tragen Sie in der App Ihre Telefonnummer ein und bestätigen Sie sie.",
              "Indique su número de teléfono en la app y verifíquelo.")),
    Mend("unblock", "administrator", "person", "Open person",
         Text("An administrator can activate the account of {name}.",
              "Ein Administrator kann das Konto von {name} aktivieren.",
              "Un administrador puede activar la cuenta de {name}.")),
    Mend("shift", "planner", "reason", "Add a shift",
         Text("Somebody whose phone would ring can be given a shift.",
              "Jemand, bei dem es klingeln würde, kann Dienst bekommen.",
              "Se puede asignar un turno a alguien cuyo teléfono sonaría.")),
    Mend("ivr", "administrator", "reason", "Open IVR",
         Text("The configuration of the line can ring others.",
              "Die Konfiguration der Leitung kann andere anrufen.",
              "La configuración de la línea puede llamar a otras personas.")),
    Mend("minutes", "operator", "reason", "Open customer",
         Text("Dutyline can raise the call minutes per day.",
              "Dutyline kann die Gesprächsminuten pro Tag erhöhen.",
              "Dutyline puede aumentar los minutos de llamada por día.")),
)  # fmt: skip
MENDS: Mapping[str, Mend] = {mend.code: mend for mend in _MENDS}
"""What mends a reason, by its code."""
