"""Hypothesis without deadlines: how long an example takes says nothing about whether it is right. And the user's cache
stays as it is: what tests find is kept in a folder of their own."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("chipweave", deadline=None)
settings.load_profile("chipweave")


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHIPWEAVE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
