"""An engine with a real model, SmolLM2-135M-Instruct, run by llama.cpp on this machine's CPU."""

from grayswan_devserver.smollm2.engine import SmolLM2Engine
from grayswan_devserver.smollm2.packages import INSTALL, MissingModelError

__all__ = ["INSTALL", "MissingModelError", "SmolLM2Engine"]
