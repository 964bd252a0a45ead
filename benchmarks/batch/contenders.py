"""One contender in a process of its own: `python -m benchmarks.batch.contenders NAME ROWS URL`.

It prints what became of the rows as JSON; what went over the wire is counted by the server.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["CONTENDERS"]

Counts = dict[str, int]
_AT_ONCE = 256


def ours(rows: int, url: str) -> Counts:
    """`grayswan_batch.run` as it comes."""
    import grayswan_batch
    from langchain_grayswan import ChatGraySwan

    with tempfile.TemporaryDirectory() as folder:
        prompts = ({"id": n, "prompt": _prompt(n)} for n in range(rows))
        to = Path(folder) / "answers.jsonl"
        model = ChatGraySwan(base_url=url)
        report = grayswan_batch.run(prompts, model, to=to, id="id", progress=False)
        ids = [json.loads(line)["id"] for line in to.read_text().splitlines()]
    return {"answered": len(set(ids)), "twice": len(ids) - len(set(ids)), "lost": report.failed}


def ours_on_ray(rows: int, url: str) -> Counts:
    """`grayswan_batch.ray.complete` with four actors."""
    from grayswan_batch.ray import complete
    from langchain_grayswan import ChatGraySwan

    dataset = _dataset(rows)
    records = complete(dataset, ChatGraySwan(base_url=url), actors=4).take_all()
    ids = [each["id"] for each in records if each["answer"] is not None]
    return {
        "answered": len(set(ids)),
        "twice": len(ids) - len(set(ids)),
        "lost": rows - len(set(ids)),
    }


def abatch(at_once: int) -> Callable[[int, str], Counts]:
    """LangChain's `abatch`, so many at once."""

    def run(rows: int, url: str) -> Counts:
        from langchain_grayswan import ChatGraySwan

        async def ask() -> list[Any]:
            model = ChatGraySwan(base_url=url)
            prompts = [_prompt(n) for n in range(rows)]
            config = {"max_concurrency": at_once}
            return await model.abatch(prompts, config, return_exceptions=True)  # type: ignore[arg-type]

        answers = asyncio.run(ask())
        lost = sum(isinstance(each, BaseException) for each in answers)
        return {"answered": rows - lost, "twice": 0, "lost": lost}

    return run


def bare_ray(rows: int, url: str) -> Counts:
    """Ray Data with a class that asks a batch's rows at once, two actors."""
    import ray

    class Ask:
        def __init__(self) -> None:
            from langchain_grayswan import ChatGraySwan

            self._model = ChatGraySwan(base_url=url)

        async def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
            asked = [self._model.ainvoke(str(prompt)) for prompt in batch["prompt"]]
            answers = await asyncio.gather(*asked)
            return {**batch, "answer": [answer.text for answer in answers]}

    asked = _dataset(rows).map_batches(
        Ask, batch_size=_AT_ONCE, compute=ray.data.ActorPoolStrategy(size=2), num_cpus=0.5
    )
    return {"answered": len(asked.take_all()), "twice": 0, "lost": 0}


def ray_llm(rows: int, url: str) -> Counts:
    """The HTTP processor of `ray.data.llm`, two actors."""
    from ray.data.llm import HttpRequestProcessorConfig, build_processor

    dataset = _dataset(rows)  # starts Ray, which the processor would do in its own way
    config = HttpRequestProcessorConfig(
        url=f"{url}/chat/completion",
        headers={"Authorization": f"Bearer {os.environ['GRAYSWAN_API_KEY']}"},
        batch_size=_AT_ONCE,
        concurrency=2,
        max_retries=5,
    )
    processor = build_processor(
        config,
        preprocess=lambda row: {
            "id": row["id"],
            "payload": {
                "model": "cygnet",
                "messages": [{"role": "user", "content": row["prompt"]}],
            },
        },
        postprocess=lambda row: {
            "answer": row["http_response"]["choices"][0]["message"]["content"],
        },
    )
    return {"answered": processor(dataset).count(), "twice": 0, "lost": 0}


def _dataset(rows: int) -> Any:
    import ray

    ray.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="error",
        _system_config={"worker_niceness": 0},
    )
    ray.data.DataContext.get_current().enable_progress_bars = False
    items = [{"id": number, "prompt": _prompt(number)} for number in range(rows)]
    return ray.data.from_items(items, override_num_blocks=8)


def _prompt(number: int) -> str:
    return f"What is {number} + 1?"


CONTENDERS: dict[str, Callable[[int, str], Counts]] = {
    "grayswan_batch": ours,
    "grayswan_batch on Ray, 4 actors": ours_on_ray,
    "abatch, 64 at once": abatch(64),
    "abatch, 512 at once": abatch(512),
    "Ray Data, 2 actors x 256": bare_ray,
    "ray.data.llm, 2 actors": ray_llm,
}


if __name__ == "__main__":
    name, count, address = sys.argv[1:]
    print(json.dumps(CONTENDERS[name](int(count), address)))
