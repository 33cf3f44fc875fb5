"""Restores of all tables: under another prefix, from point-in-time recovery or as copies.

The prefix of the settings is that of the restored tables; the damaged ones are only read.
`manage.py restore` and docs/operations/backup.md say in which order.
"""
