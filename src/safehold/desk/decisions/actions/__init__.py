"""What a decision can do: one file an action, found by being here. The list of names, mildest first, is the engine's
(`safehold.engine.verdict.ACTIONS`); a file without a name there, or a name without a file, fails at the start.
"""

import importlib
import pkgutil

from safehold.desk.decisions.actions.base import LANGUAGES, ActionType, InvalidParams, Target
from safehold.engine.verdict import ACTIONS

__all__ = ["ACTION_TYPES", "LANGUAGES", "ActionType", "InvalidParams", "Target"]


def _found() -> dict[str, ActionType]:
    modules = [importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    found = {module.action.name: module.action for module in modules if hasattr(module, "action")}
    if set(found) != set(ACTIONS):
        raise ImportError(f"the engine's actions are {', '.join(ACTIONS)}; the files are of {', '.join(sorted(found))}")
    return {name: found[name] for name in ACTIONS}


#: name -> what it is, mildest first.
ACTION_TYPES: dict[str, ActionType] = _found()
