"""Inputs of public bug reports of scheduling, telephony, identity and calendar products."""
