from config.journal.commit import FINISHER_DELAY, stream_keys, write, write_audit_event, write_intent

__all__ = ["FINISHER_DELAY", "stream_keys", "write", "write_audit_event", "write_intent"]
