"""Hypothesis without deadlines: how long an example takes says nothing about whether it is right. `make test` tries the
same examples each time, so that a change is judged by what it changes; `make test-slow` tries new ones each time
(`pytest --hypothesis-profile=new-examples`). And the user's cache stays as it is: what tests find is kept in a folder
of their own, one for all workers, so that none searches twice."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("chipweave", deadline=None, derandomize=True)
settings.register_profile("new-examples", deadline=None)
settings.load_profile("chipweave")


@pytest.fixture(autouse=True, scope="session")
def own_cache(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    own = tmp_path_factory.getbasetemp()  # a worker's stands in the one of the session
    session = own.parent if hasattr(request.config, "workerinput") else own
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHIPWEAVE_CACHE", str(session / "cache"))
        yield
