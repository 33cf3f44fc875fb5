"""Actions of operators on many records: stored, run in the background, and reported."""
