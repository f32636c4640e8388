"""The Zoho API with its limits and faults, over real HTTP: for the demo, the tests, and integrators."""
