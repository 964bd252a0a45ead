"""The built-in engine: rules instead of a model, deterministic, with no table of answers."""

from grayswan_devserver.rules.engine import RulesEngine
from grayswan_devserver.rules.refusal import REFUSAL_TRIGGER

__all__ = ["REFUSAL_TRIGGER", "RulesEngine"]
