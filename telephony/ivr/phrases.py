"""Built-in spoken phrases by language; all other texts are in IVR configurations. Pure."""

PHRASES = {
    "en": {
        "not_in_service": "This number is not in service.",
        "closed": "We cannot take calls at the moment. Goodbye.",
        "sorry": "We cannot put you through just now.",
        "leave_message": "Please leave a message after the tone.",
        "call_for": "A call for {location}.",
        "recorded": "It is recorded.",
        "press_1": "Press 1 to take it.",
        "taken": "Somebody else has taken the call. Goodbye.",
        "gone": "The caller has hung up. Goodbye.",
        "code": "Your Dutyline code is: {code}.",
        "greeting": "Thank you for calling {location}.",
        "nobody_there": "Nobody is here just now.",
        "leave_message_for": "Please leave a message for {location} after the tone.",
    },
    "de": {
        "not_in_service": "Diese Nummer ist nicht vergeben.",
        "closed": "Wir können zurzeit keine Anrufe annehmen. Auf Wiederhören.",
        "sorry": "Wir können Sie gerade nicht verbinden.",
        "leave_message": "Bitte hinterlassen Sie eine Nachricht nach dem Ton.",
        "call_for": "Ein Anruf für {location}.",
        "recorded": "Er wird aufgezeichnet.",
        "press_1": "Drücken Sie die 1, um ihn anzunehmen.",
        "taken": "Jemand anderes hat den Anruf angenommen. Auf Wiederhören.",
        "gone": "Der Anrufer hat aufgelegt. Auf Wiederhören.",
        "code": "Ihr Dutyline-Code lautet: {code}.",
        "greeting": "Willkommen bei {location}.",
        "nobody_there": "Gerade ist niemand da.",
        "leave_message_for": "Bitte hinterlassen Sie {location} eine Nachricht nach dem Ton.",
    },
    "es": {
        "not_in_service": "Este número no está en servicio.",
        "closed": "No podemos atender llamadas en este momento. Adiós.",
        "sorry": "No podemos pasar su llamada en este momento.",
        "leave_message": "Por favor, deje un mensaje después de la señal.",
        "call_for": "Una llamada para {location}.",
        "recorded": "La llamada se graba.",
        "press_1": "Pulse 1 para atenderla.",
        "taken": "Otra persona ya ha atendido la llamada. Adiós.",
        "gone": "La persona que llamaba ha colgado. Adiós.",
        "code": "Su código de Dutyline es: {code}.",
        "greeting": "Gracias por llamar a {location}.",
        "nobody_there": "En este momento no hay nadie.",
        "leave_message_for": "Por favor, deje un mensaje para {location} después de la señal.",
    },
}


LOCALES = {"en": "en-US", "de": "de-DE", "es": "es-ES"}
"""The locale in which a language is spoken."""
LOCALE_BY_COUNTRY = {
    "DE": "de-DE",
    "AT": "de-AT",
    "CH": "de-DE",
    "ES": "es-ES",
    "MX": "es-MX",
    "GB": "en-GB",
    "IE": "en-GB",
    "AU": "en-AU",
}
"""The locale of a new configuration by country; elsewhere en-US."""


def get_phrase(phrase: str, language: str) -> str:
    """A phrase in a language such as ``de-AT``; in English if there is no translation."""
    return PHRASES.get(language[:2], PHRASES["en"])[phrase]
