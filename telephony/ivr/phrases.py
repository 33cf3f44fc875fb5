"""Built-in spoken phrases by language; all other texts are in IVR configurations. Pure."""

PHRASES = {
    "en": {
        "not_in_service": "This number is not in service.",
        "calls_refused": "We cannot take calls at the moment. Goodbye.",
        "all_lines_busy": "All our lines are busy. Please call again in a few minutes. Goodbye.",
        "sorry": "We cannot connect your call right now.",
        "leave_message": "Please leave a message after the tone.",
        "call_for": "You have a call for {location}.",
        "call_from_number": "You have a call for {location} from a number ending in {digits}.",
        "call_from_withheld": "You have a call for {location} from a withheld number.",
        "recorded": "The call will be recorded.",
        "press_1": "Press 1 to answer.",
        "taken": "Somebody else has already answered. Goodbye.",
        "gone": "The caller has already hung up. Goodbye.",
        "code": "Your Dutyline code is: {code}.",
        "callback_promise": "We will call you back {nextOpening}. Goodbye.",
        "greeting": "Thank you for calling {location}.",
        "nobody_there": "Nobody is available right now. We will be back {nextOpening}.",
        "leave_message_for": "Please leave a message for {location} after the tone.",
    },
    "de": {
        "not_in_service": "Diese Nummer ist nicht vergeben.",
        "calls_refused": "Wir können zurzeit leider keine Anrufe annehmen. Auf Wiederhören.",
        "all_lines_busy": "Zurzeit sind alle Leitungen belegt. Bitte rufen Sie später wieder an. Auf Wiederhören.",
        "sorry": "Wir können Sie im Moment leider nicht verbinden.",
        "leave_message": "Bitte hinterlassen Sie nach dem Signalton eine Nachricht.",
        "call_for": "Sie haben einen Anruf für {location}.",
        "call_from_number": "Sie haben einen Anruf für {location} von einer Nummer, die auf {digits} endet.",
        "call_from_withheld": "Sie haben einen Anruf für {location} mit unterdrückter Nummer.",
        "recorded": "Das Gespräch wird aufgezeichnet.",
        "press_1": "Drücken Sie die Eins, um den Anruf anzunehmen.",
        "taken": "Der Anruf wurde bereits angenommen. Auf Wiederhören.",
        "gone": "Der Anruf wurde bereits beendet. Auf Wiederhören.",
        "code": "Ihr Dutyline-Code lautet: {code}.",
        "callback_promise": "Wir rufen Sie {nextOpening} zurück. Auf Wiederhören.",
        "greeting": "Vielen Dank für Ihren Anruf bei {location}.",
        "nobody_there": "Zurzeit ist leider niemand erreichbar. Wir sind {nextOpening} wieder für Sie da.",
        "leave_message_for": "Bitte hinterlassen Sie nach dem Signalton eine Nachricht für {location}.",
    },
    "es": {
        "not_in_service": "Este número no está en servicio.",
        "calls_refused": "No podemos atender llamadas en este momento. Adiós.",
        "all_lines_busy": "Todas nuestras líneas están ocupadas. Por favor, llame de nuevo en unos minutos. Adiós.",
        "sorry": "En este momento no podemos pasar su llamada.",
        "leave_message": "Por favor, deje un mensaje después de la señal.",
        "call_for": "Tiene una llamada para {location}.",
        "call_from_number": "Tiene una llamada para {location} de un número que termina en {digits}.",
        "call_from_withheld": "Tiene una llamada para {location} de un número oculto.",
        "recorded": "La llamada se grabará.",
        "press_1": "Pulse uno para contestar.",
        "taken": "Otra persona ya ha contestado. Adiós.",
        "gone": "La persona que llamaba ya ha colgado. Adiós.",
        "code": "Su código de Dutyline es: {code}.",
        "callback_promise": "Le devolveremos la llamada {nextOpening}. Adiós.",
        "greeting": "Gracias por llamar a {location}.",
        "nobody_there": "En este momento no hay nadie disponible. Volveremos a atenderle {nextOpening}.",
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
