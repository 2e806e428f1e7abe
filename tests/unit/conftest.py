"""The command line in this process, for the unit tests."""

import pytest

from mlstack_lib import cli


@pytest.fixture
def mlstack(capfd):
    """mlstack(*words) runs a command in this process -> (exit status, stdout, stderr)."""

    def run(*words) -> tuple[int, str, str]:
        capfd.readouterr()
        status = cli.main([str(word) for word in words])
        return status, *capfd.readouterr()

    return run
