"""The interface to Twilio: its REST API, the signature of its webhooks, and TwiML."""
