"""Django REST framework with PynamoDB as their tutorials show them."""
