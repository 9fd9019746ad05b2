"""The plan, its checker, its evaluator and its file; and, as `chipweave.schedule(...)`, the way to make one."""

import sys
from types import ModuleType
from typing import Any


class _CallableModule(ModuleType):
    """`chipweave.schedule` is this package and the API's verb at once: calling it is `chipweave.api.schedule`."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        from chipweave.api import schedule

        return schedule(*arguments, **options)


sys.modules[__name__].__class__ = _CallableModule
