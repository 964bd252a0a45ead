"""The settings both adapters' models share."""

from grayswan_core.settings.model import ModelSettings

__all__ = ["ModelSettings"]
