"""The board: what needs attention across all customers, as a background pass finds it.

Apps say what they look for in ``settings.BOARD_SOURCES`` and ``settings.BOARD_PLATFORM_SOURCES``
(`Source`), and what operators read of it in ``settings.BOARD_KINDS``.
"""
