"""The contract as code: pydantic models, the one source of the JSON Schemas in `schemas/json/`."""
