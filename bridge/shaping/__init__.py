"""Makes of a message what an old machine can print: bytes to bytes, one small file a step."""
