"""A stand-in for Twilio: numbers, calls and recordings over HTTP, and phones that answer."""
