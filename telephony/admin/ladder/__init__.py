"""A call as a ladder: who did what to whom, when, and why each person was rung or not."""
