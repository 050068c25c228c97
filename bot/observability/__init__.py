"""What operators see: log output, metrics, readiness."""
