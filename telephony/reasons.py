"""The reasons why calls ring people or do not: their codes, texts, and what mends them. Pure.

No other module has a text of its own for one of these codes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from telephony.mends import MENDS, Mend, Text

Kind = Literal["why", "why_not", "not_taken", "hole", "ends"]
"""Why somebody is considered for a call, why their phone does not ring, why somebody whose phone
rang did not answer, why nobody would be rung at all, and what the caller gets then."""


@dataclass(frozen=True)
class Reason:
    """A code, and what it means."""

    kind: Kind
    code: str
    words: Text
    """For the middle of a sentence, or after a colon."""
    sentence: Text
    mends: Sequence[str] = ()
    """Codes of `MENDS`; empty: it passes by itself, or needs no change."""


REASONS: Sequence[Reason] = (
    Reason("why", "scheduled",
           Text("on duty", "im Dienst", "de turno"),
           Text("{name} is on duty.", "{name} hat Dienst.", "{name} está de turno.")),
    Reason("why", "moved",
           Text("on duty in a moved shift", "im verschobenen Dienst", "de turno en un turno movido"),
           Text("{name} is on duty in a moved shift.", "{name} hat einen verschobenen Dienst.",
                "{name} está de turno en un turno movido.")),
    Reason("why", "covering",
           Text("on duty, covering a shift", "im Dienst als Vertretung", "de turno como suplente"),
           Text("{name} covers a shift.", "{name} hat Dienst als Vertretung.", "{name} cubre un turno.")),
    Reason("why", "handing_over",
           Text("shift has just ended", "Dienst ist gerade zu Ende", "su turno acaba de terminar"),
           Text("The shift of {name} has just ended.", "Der Dienst von {name} ist gerade zu Ende.",
                "El turno de {name} acaba de terminar.")),
    Reason("why", "neighbour",
           Text("on duty at another location", "im Dienst an einem anderen Standort", "de turno en otra sede"),
           Text("{name} is on duty at another location.", "{name} hat an einem anderen Standort Dienst.",
                "{name} está de turno en otra sede.")),
    Reason("why", "named",
           Text("named in the IVR configuration", "in der Konfiguration der Leitung genannt",
                "indicado en la configuración de la línea"),
           Text("The IVR configuration names {name}.", "Die Konfiguration der Leitung nennt {name}.",
                "La configuración de la línea indica {name}.")),
    Reason("why", "calling_back",
           Text("calls the caller back", "ruft zurück", "devuelve la llamada"),
           Text("{name} calls the caller back.", "{name} ruft zurück.", "{name} devuelve la llamada.")),

    Reason("why_not", "blocked",
           Text("account is not active", "Konto ist nicht aktiv", "la cuenta no está activa"),
           Text("The account of {name} is not active.", "Das Konto von {name} ist nicht aktiv.",
                "La cuenta de {name} no está activa."), ["unblock"]),
    Reason("why_not", "not_signed_in",
           Text("has not accepted the invitation yet", "hat die Einladung noch nicht angenommen",
                "aún no ha aceptado la invitación"),
           Text("{name} has not accepted the invitation yet.", "{name} hat die Einladung noch nicht angenommen.",
                "{name} aún no ha aceptado la invitación."), ["accept"]),
    Reason("why_not", "no_phone",
           Text("no phone number", "keine Telefonnummer", "sin número de teléfono"),
           Text("{name} has no phone number.", "{name} hat keine Telefonnummer.",
                "{name} no tiene número de teléfono."), ["phone"]),
    Reason("why_not", "ringing_off",
           Text("calls are turned off in the person's settings", "Anrufe sind in den Einstellungen ausgeschaltet",
                "las llamadas están desactivadas en sus ajustes"),
           Text("{name} has turned calls off.", "{name} hat Anrufe ausgeschaltet.",
                "{name} ha desactivado las llamadas."), ["ring"]),
    Reason("why_not", "phone_not_verified",
           Text("phone number is not verified", "Telefonnummer ist nicht bestätigt",
                "el número de teléfono no está verificado"),
           Text("The phone number of {name} is not verified.", "Die Telefonnummer von {name} ist nicht bestätigt.",
                "El número de teléfono de {name} no está verificado."), ["verify"]),
    Reason("why_not", "on_a_break",
           Text("is on a break from calls", "hat eine Pause von Anrufen", "está en pausa"),
           Text("{name} is on a break from calls.", "{name} hat eine Pause von Anrufen.",
                "{name} está en pausa y no recibe llamadas."), ["resume"]),
    Reason("why_not", "on_a_call",
           Text("talks in another call", "spricht in einem anderen Anruf", "está en otra llamada"),
           Text("{name} talks in another call.", "{name} spricht in einem anderen Anruf.",
                "{name} está en otra llamada.")),
    Reason("why_not", "too_many",
           Text("too many people", "zu viele Personen", "demasiadas personas"),
           Text("A call rings too few phones to reach {name}.",
                "Ein Anruf klingelt bei zu wenigen, um {name} zu erreichen.",
                "Una llamada suena en muy pocos teléfonos para llegar a {name}."), ["ivr"]),
    Reason("why_not", "same_phone",
           Text("shares the phone of somebody who rings, talks or has a break",
                "hat dasselbe Telefon wie jemand, bei dem es klingelt, der spricht oder Pause hat",
                "comparte el teléfono de alguien que suena, habla o está en pausa"),
           Text("{name} shares the phone of somebody else.", "{name} hat dasselbe Telefon wie jemand anderes.",
                "{name} comparte el teléfono de otra persona."), ["phone"]),
    Reason("why_not", "minutes_used_up",
           Text("call minutes of the day are used up", "Gesprächsminuten des Tages sind verbraucht",
                "los minutos de llamada del día están agotados"),
           Text("The call minutes of the day are used up.", "Die Gesprächsminuten des Tages sind verbraucht.",
                "Los minutos de llamada del día están agotados."), ["minutes"]),
    Reason("why_not", "minutes_reserved",
           Text("calls under way may need the call minutes that are left of the day",
                "laufende Anrufe könnten die restlichen Gesprächsminuten des Tages brauchen",
                "las llamadas en curso pueden necesitar los minutos que quedan del día"),
           Text("Calls under way may need the call minutes that are left of the day.",
                "Laufende Anrufe könnten die restlichen Gesprächsminuten des Tages brauchen.",
                "Las llamadas en curso pueden necesitar los minutos que quedan del día."), ["minutes"]),
    Reason("why_not", "other_role",
           Text("another role", "eine andere Rolle", "otro rol"),
           Text("{name} has another role.", "{name} hat eine andere Rolle.", "{name} tiene otro rol."),
           ["shift", "ivr"]),
    Reason("why_not", "other_skill",
           Text("none of the skills", "keine der Fähigkeiten", "ninguna de las competencias"),
           Text("{name} has none of the skills that are asked for.", "{name} hat keine der verlangten Fähigkeiten.",
                "{name} no tiene ninguna de las competencias requeridas."), ["shift", "ivr"]),
    Reason("why_not", "not_selected",
           Text("no step of the IVR configuration rings them", "kein Schritt der Konfiguration ruft sie an",
                "ningún paso de la configuración llama a esta persona"),
           Text("No step of the IVR configuration rings {name}.", "Kein Schritt der Konfiguration ruft {name} an.",
                "Ningún paso de la configuración llama a {name}."), ["ivr"]),
    Reason("why_not", "no_number",
           Text("not a valid phone number", "keine gültige Telefonnummer", "no es un número de teléfono válido"),
           Text("The phone number of {name} is not valid.", "Die Telefonnummer von {name} ist ungültig.",
                "El número de teléfono de {name} no es válido."), ["phone"]),
    Reason("why_not", "other_country",
           Text("number of another country", "Nummer eines anderen Landes", "número de otro país"),
           Text("The phone number of {name} is of another country.",
                "Die Telefonnummer von {name} gehört zu einem anderen Land.",
                "El número de teléfono de {name} es de otro país."), ["phone"]),
    Reason("why_not", "kind_of_number",
           Text("not an ordinary phone number", "keine gewöhnliche Telefonnummer",
                "no es un número de teléfono corriente"),
           Text("{name} has no ordinary phone number.", "{name} hat keine gewöhnliche Telefonnummer.",
                "{name} no tiene un número de teléfono corriente."), ["phone"]),

    Reason("not_taken", "no_answer",
           Text("does not answer", "nimmt nicht ab", "no contesta"),
           Text("{name} does not answer.", "{name} nimmt nicht ab.", "{name} no contesta.")),
    Reason("not_taken", "busy",
           Text("declines, or is busy", "lehnt ab oder ist besetzt", "rechaza la llamada o comunica"),
           Text("{name} declines, or is busy.", "{name} lehnt ab oder ist besetzt.",
                "{name} rechaza la llamada o comunica.")),
    Reason("not_taken", "not_pressed",
           Text("picks up but does not press 1, as a mailbox does", "nimmt ab, drückt aber nicht die Eins",
                "descuelga, pero no pulsa 1"),
           Text("{name} picks up but does not press 1.", "{name} nimmt ab, drückt aber nicht die Eins.",
                "{name} descuelga, pero no pulsa 1.")),
    Reason("not_taken", "on_a_break",
           Text("picks up and takes a break from calls", "nimmt ab und macht eine Pause von Anrufen",
                "descuelga y hace una pausa"),
           Text("{name} picks up and takes a break from calls.", "{name} nimmt ab und macht eine Pause von Anrufen.",
                "{name} descuelga y hace una pausa.")),
    Reason("not_taken", "failed",
           Text("cannot be reached", "ist nicht erreichbar", "no está disponible"),
           Text("{name} cannot be reached.", "{name} ist nicht erreichbar.", "{name} no está disponible.")),

    Reason("hole", "nobody_on_duty",
           Text("nobody is on duty", "niemand hat Dienst", "nadie está de turno"),
           Text("Nobody is on duty.", "Niemand hat Dienst.", "Nadie está de turno."), ["shift"]),
    Reason("hole", "rings_nobody",
           Text("no step of the IVR configuration rings anybody", "kein Schritt der Konfiguration ruft jemanden an",
                "ningún paso de la configuración llama a nadie"),
           Text("No step of the IVR configuration rings anybody.",
                "Kein Schritt der Konfiguration ruft jemanden an.",
                "Ningún paso de la configuración llama a nadie."), ["ivr"]),
    Reason("ends", "voicemail",
           Text("leaves a message", "hinterlässt eine Nachricht", "deja un mensaje"),
           Text("Callers leave a message.", "Wer anruft, hinterlässt eine Nachricht.",
                "Quien llama deja un mensaje.")),
    Reason("ends", "callback",
           Text("is promised a call-back", "bekommt einen Rückruf versprochen", "recibe la promesa de una llamada"),
           Text("Callers are promised a call-back.", "Wer anruft, bekommt einen Rückruf versprochen.",
                "A quien llama se le promete devolver la llamada.")),
    Reason("ends", "hangup",
           Text("is disconnected", "wird getrennt", "se queda sin comunicación"),
           Text("The call ends.", "Der Anruf endet.", "La llamada termina.")),
)  # fmt: skip

_BY_KIND_AND_CODE = {(reason.kind, reason.code): reason for reason in REASONS}


def _meanings(kind: Kind) -> Mapping[str, str]:
    return {reason.code: reason.words.en for reason in REASONS if reason.kind == kind}


WHY, WHY_NOT, NOT_TAKEN, ENDS = _meanings("why"), _meanings("why_not"), _meanings("not_taken"), _meanings("ends")
"""The codes of a kind in English words, as the API describes them."""
ON_DUTY = {code: WHY[code] for code in ("scheduled", "moved", "covering")}
"""The reasons that the rota gives; the others come from calls."""
PASSING = ("on_a_break", "on_a_call")
"""Reasons that pass by themselves within minutes."""


def words(kind: Kind, code: str, language: str = "en") -> str:
    """A code in words, for the middle of a sentence; one of a later release as it can be read."""
    reason = _BY_KIND_AND_CODE.get((kind, code))
    return reason.words.get(language) if reason else code.replace("_", " ")


def sentence(kind: Kind, code: str, name: str = "", language: str = "en") -> str:
    """A code as a sentence about somebody. Raises `KeyError` if there is no such code."""
    return _BY_KIND_AND_CODE[kind, code].sentence.get(language).replace("{name}", name)


def list_mends(kind: Kind, code: str) -> list[Mend]:
    """What mends a reason, the best first; nothing if it passes, or the code is not known."""
    reason = _BY_KIND_AND_CODE.get((kind, code))
    return [MENDS[mend] for mend in reason.mends] if reason else []


def list_changes(code: str, staff_id: str) -> list[str]:
    """What would make calls ring who is skipped: ``verify:usr_…``, ``shift:other_skill``.

    ``staff_id``: of the user, or a number of the configuration.
    """
    if staff_id.startswith("+"):
        return [f"ivr:{code}"]
    mends = list_mends("why_not", code)
    return [f"{mend.code}:{staff_id if mend.of == 'person' else code}" for mend in mends]


def mend_sentence(mend: str, name: str = "", language: str = "en") -> str:
    """What somebody can do, as a sentence. ``mend``: a code of `MENDS`."""
    return MENDS[mend].sentence.get(language).replace("{name}", name)


def advice(code: str, language: str = "en") -> str:
    """What a person themselves can do about a reason of ``why_not``; empty: nothing."""
    return next((mend.advice.get(language) for mend in list_mends("why_not", code) if mend.advice), "")
