"""Settings of the property tests: how long one example takes on a busy machine proves nothing."""

from hypothesis import settings

settings.register_profile("popbridge", deadline=None)
settings.load_profile("popbridge")
