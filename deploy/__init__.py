"""Files to deploy from, and the load test."""
