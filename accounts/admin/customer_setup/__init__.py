"""Adding a customer: one page of steps that can be left and resumed at any time.

What is done follows from what is stored, so nothing is remembered between requests. Apps declare
their steps in ``settings.CUSTOMER_SETUP_STEPS``.
"""
