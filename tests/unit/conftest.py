"""The command line in this process, and a trained tokenizer, for the unit tests."""

import pytest
from tokenizer_record import RECORDED, TEXTS

from mlstack_lib import cli
from mlstack_lib.tokenizer import Tokenizer


@pytest.fixture
def mlstack(capfd):
    """mlstack(*words) runs a command in this process -> (exit status, stdout, stderr)."""

    def run(*words) -> tuple[int, str, str]:
        capfd.readouterr()
        status = cli.main([str(word) for word in words])
        return status, *capfd.readouterr()

    return run


@pytest.fixture(scope="session")
def tokenizer():
    """A tokenizer trained as the recorded one was."""
    return Tokenizer.train(TEXTS.values(), RECORDED["vocab_size"], RECORDED["special_tokens"])
