from config.journal.commit import stream_keys, write, write_audit_event, write_intent

__all__ = ["stream_keys", "write", "write_audit_event", "write_intent"]
