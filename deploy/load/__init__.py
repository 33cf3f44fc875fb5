"""A load test on one machine: ``make load``. See README.md."""
