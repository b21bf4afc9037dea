"""Turns an error into what the log says of it."""


def reason(error: Exception) -> dict[str, str]:
    """Return the fields of a log line: why, and where the service named its request, which it was."""
    request_id = getattr(error, "request_id", "")
    told = {"why": str(error)}
    return {**told, "request_id": request_id} if request_id else told
