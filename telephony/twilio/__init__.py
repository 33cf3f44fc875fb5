"""All we know of Twilio: what we ask it, what it asks us, and the markup it follows."""
