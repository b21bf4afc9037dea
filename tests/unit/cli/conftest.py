"""The owner of tests/cli, for the unit tests of its verbs too."""

from tests.cli.conftest import newcomer, owner, quiet_environment, template

__all__ = ["newcomer", "owner", "quiet_environment", "template"]
