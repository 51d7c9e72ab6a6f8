"""What is not GraphQL itself: the HTTP and WebSocket edge, the REST contract, health, metrics and pages."""
