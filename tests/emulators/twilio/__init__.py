"""An emulator of Twilio: numbers, calls and recordings over HTTP, and phones that answer."""
