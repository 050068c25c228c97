"""The OpenAPI document of everything that is served, and Swagger UI to read it."""
