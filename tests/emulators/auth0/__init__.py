"""An emulator of the parts of an Auth0 tenant that Dutyline uses."""
