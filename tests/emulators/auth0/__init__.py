"""The slice of an Auth0 tenant that Dutyline uses, on this machine."""
