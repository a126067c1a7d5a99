import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
sys.dont_write_bytecode = True

from pure import Pure  # noqa: E402


@pytest.fixture(scope="session")
def pure():
    pure = Pure()
    yield pure
    pure.close()
