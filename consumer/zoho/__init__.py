"""The adapter to Zoho: one call, OAuth, and what an answer means. The only importer of aiohttp's client."""
