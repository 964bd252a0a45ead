"""Which sentences of a text speak to the model instead of to its reader.

A sentence counts as an instruction to the model when it

* begins with a verb of command over what the model says or heeds: ignore, disregard, forget,
  override, say, tell, reply, respond, answer, output, print, repeat, pretend, write ...,
  also after words such as "please", "now", "instead" or "you must"; or
* speaks of instructions, of a prompt, of an assistant, of a language model, or of "your answer"
  or "your reply".

Such sentences are never quoted as an answer. The rule is coarse: a recipe that says "Write the
date on the jar" loses that sentence.
"""

from __future__ import annotations

import re

__all__ = ["speaks_to_the_model"]

_VERBS = (
    "ignore|disregard|forget|override|bypass|pretend|say|tell|respond|reply|answer|output|print|"
    "repeat|write|act|reveal|recite|insist|recommend|respond|state|translate|summari[sz]e|"
    "stop|follow|obey|do not|don't|never|always"
)
_LEAD = (
    r"(?:(?:please|now|instead|then|also|and|but|so|important|attention|note|warning|system|"
    r"user|assistant|ai|llm|hey|ok|okay|simply|just|only|immediately|from now on|"
    r"you (?:must|should|shall|will|have to|need to|are to|are required to))\b[\s,:;!.\-]*)*"
)
_COMMAND = re.compile(rf"^[^\w]*{_LEAD}(?:{_VERBS})\b", re.IGNORECASE)
_ADDRESS = re.compile(
    r"\b(?:(?:previous|prior|above|earlier|new|following|your|all|these|system|hidden)\s+"
    r"(?:\w+\s+)?(?:instructions?|prompts?|directives?|guidelines)|system prompt|"
    r"(?:language|ai) model|ai assistants?|chat ?bots?|llms?|assistants?|as an ai|you are now|"
    r"your (?:answer|reply|response|output|next message|final answer)|"
    r"(?:call|use|invoke|run) the \w+ (?:tool|function)|from now on)\b",
    re.IGNORECASE,
)


def speaks_to_the_model(sentence: str) -> bool:
    """Whether a sentence is an instruction to the model, by the rule above."""
    return bool(_COMMAND.match(sentence) or _ADDRESS.search(sentence))
