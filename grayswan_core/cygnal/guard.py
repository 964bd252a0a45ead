"""`CygnalGuard`: what is judged by which policy, as one frozen value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pydantic import SecretStr
from typing_extensions import Self

from grayswan_core._closing import Closing
from grayswan_core.config import ClientConfig
from grayswan_core.cygnal.cache import VerdictCache, digest
from grayswan_core.cygnal.review import Review
from grayswan_core.cygnal.rules import Rules, checked_rules
from grayswan_core.cygnal.verdict import Judgement, JudgementPolicy, Stage, Verdict
from grayswan_core.errors import APIError, ConfigurationError
from grayswan_core.limits import Timeout
from grayswan_core.wire import MonitorMessage, MonitorRequest, ReasoningMode, ToolCall

if TYPE_CHECKING:
    from grayswan_core.cygnal.client import CygnalClient

__all__ = ["CygnalGuard", "OnViolation"]

OnViolation: TypeAlias = Callable[[Verdict | None, Stage], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class CygnalGuard(Closing):
    """A guard: who judges, by which policy, and what is blocked.

    ```python
    guard = CygnalGuard(policy_id="...")  # the key comes from GRAYSWAN_API_KEY
    ```

    One guard serves any number of conversations, threads and event loops at once. Copies share its
    connections and verdicts; a pickle holds neither, nor the key.

    Attributes:
        api_key: The API key; else the variable `GRAYSWAN_API_KEY`.
        base_url: The API's address; else the variable `GRAY_SWAN_BASE_URL`.
        policy_id: The policy to judge by; without any, the API's content-safety default.
        policy_ids: Several policies.
        rules: Rules in plain words: name to text, a list of texts, or a list of maps.
        reasoning_mode: Whether the monitor thinks: `off`, `hybrid` or `thinking`.
        threshold: Something is blocked when `violation` is this high or higher.
        thresholds: Other thresholds for `input`, `tool_call`, `tool_result`, `retrieval`, `output`.
        block_on_ipi: Stages at which a prompt injection blocks, whatever `violation` is.
        block_on_mutation: The same for tampering.
        on_error: Whether something is blocked or allowed while the monitor cannot be reached, is
            overloaded, or gives no verdict. Errors that trying again does not help (400, 401, 403,
            404, 422 and their like) always raise: a wrong key is no outage.
        timeout: Seconds that one judgement may take, tries and waits included.
        max_retries: Tries after the first.
        history: How many messages before what is judged are shown to the monitor.
        cache: How many verdicts are kept, by digests; no text is.
        on_violation: Called with each verdict that blocks (None where there is none, because the
            monitor could not be asked) and the stage.
        allow_insecure_http: Allow `http://` to another machine than this one.

    Raises:
        ConfigurationError: there is no key, or a setting cannot work.
    """

    api_key: SecretStr | str | None = field(default=None, repr=False)
    base_url: str | None = None
    policy_id: str | None = None
    policy_ids: Sequence[str] | None = None
    rules: Rules | None = None
    reasoning_mode: ReasoningMode = "off"
    threshold: float = 0.5
    thresholds: Mapping[Stage, float] = field(default_factory=dict)
    block_on_ipi: tuple[Stage, ...] = ("tool_result", "retrieval")
    block_on_mutation: tuple[Stage, ...] = ("tool_result",)
    on_error: Literal["block", "allow"] = "block"
    timeout: float = 10.0
    max_retries: int = 2
    history: int = 20
    cache: int = 1024
    on_violation: OnViolation | None = field(default=None, repr=False)
    allow_insecure_http: bool = False

    def __post_init__(self) -> None:
        if self.on_error not in ("block", "allow"):
            raise ConfigurationError(f"on_error is 'block' or 'allow', not {self.on_error!r}.")
        if self.reasoning_mode not in ("off", "hybrid", "thinking"):
            raise ConfigurationError(
                f"reasoning_mode is 'off', 'hybrid' or 'thinking', not {self.reasoning_mode!r}."
            )
        for name in ("history", "cache"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise ConfigurationError(f"{name} is a whole number, 0 or more, not {value!r}.")
        if self.policy_id is not None and not self.policy_id:
            raise ConfigurationError("policy_id is empty. Leave it out to have the API's default.")
        config = self._config
        self._set(api_key=config.api_key, base_url=config.base_url)
        self._set(rules=checked_rules(self.rules), thresholds=dict(self.thresholds or {}))
        self._set(policy_ids=None if self.policy_ids is None else _texts(self.policy_ids))
        _ = self.policy  # raises for thresholds and stages that cannot work

    def check(
        self,
        judged: Sequence[MonitorMessage],
        stages: Iterable[Stage],
        context: Sequence[MonitorMessage] = (),
    ) -> Judgement:
        """Let something be judged.

        Args:
            judged: The messages that are judged, none of which is left out.
            stages: At which stages they are; the strictest counts.
            context: What came before, oldest message first.

        Raises:
            APIError: the request is refused for good: the key, the policy or the request is wrong.
        """
        review = Review(self, judged, tuple(stages), context)
        for request in review:
            try:
                review.take(self.client.monitor(request))
            except APIError as error:  # noqa: PERF203 - each try may fail
                review.fail(error)
        return review.judgement

    async def acheck(
        self,
        judged: Sequence[MonitorMessage],
        stages: Iterable[Stage],
        context: Sequence[MonitorMessage] = (),
    ) -> Judgement:
        """`check`, async."""
        review = Review(self, judged, tuple(stages), context)
        for request in review:
            try:
                review.take(await self.client.amonitor(request))
            except APIError as error:  # noqa: PERF203 - each try may fail
                review.fail(error)
        return review.judgement

    def recall(
        self,
        judged: Sequence[MonitorMessage],
        stages: Iterable[Stage],
        context: Sequence[MonitorMessage] = (),
    ) -> Judgement | None:
        """The judgement of something that was judged before; None where there is none."""
        return Review(self, judged, tuple(stages), context).recall()

    def approve(self, calls: Iterable[ToolCall]) -> None:
        """Remember that these tool calls were allowed."""
        self.verdicts.approve(map(self._call_key, calls))

    def has_approved(self, call: ToolCall) -> bool:
        """Whether this very call, its arguments included, was allowed."""
        return self.verdicts.is_approved(self._call_key(call))

    @cached_property
    def policy(self) -> JudgementPolicy:
        """From which verdict on something is blocked."""
        return JudgementPolicy(
            self.threshold, self.thresholds, self.block_on_ipi, self.block_on_mutation
        )

    @cached_property
    def verdicts(self) -> VerdictCache:
        """The verdicts of before."""
        return VerdictCache(self.cache)

    @cached_property
    def client(self) -> CygnalClient:
        """The client that asks the monitor."""
        # An HTTP library is imported with it, so not before the first judgement.
        from grayswan_core.cygnal.client import CygnalClient  # noqa: PLC0415

        return CygnalClient(self._config)

    @cached_property
    def identity(self) -> str:
        """A digest of all that decides what is blocked."""
        said = [getattr(self, name) for name in ("base_url", *_ASKED, "threshold", "thresholds")]
        stages = [sorted(self.block_on_ipi), sorted(self.block_on_mutation)]
        return digest(said, stages).hex()

    def close(self) -> None:
        """Close the connections; those in use, when the calls that use them end."""
        if "client" in vars(self):
            self.client.close()

    async def aclose(self) -> None:
        """`close`; the running event loop's unused connections are closed before this returns."""
        if "client" in vars(self):
            await self.client.aclose()

    def replace(self, **changes: Any) -> Self:
        """A guard with some settings changed, and with connections and verdicts of its own."""
        return replace(self, **changes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CygnalGuard) and self._settings() == other._settings()

    def __hash__(self) -> int:
        return hash(self.identity)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickled, (type(self), {**self._settings(), "api_key": None})

    @property
    def _config(self) -> ClientConfig:
        if isinstance(self.timeout, bool) or not isinstance(self.timeout, (int, float)):
            raise ConfigurationError(f"timeout is a number of seconds, not {self.timeout!r}.")
        wait = self.timeout
        return ClientConfig.resolve(
            api_key=self.api_key,
            base_url=self.base_url,
            timeout=Timeout(min(wait, 5.0), wait, wait, wait, wait, total=wait),
            max_retries=self.max_retries,
            allow_insecure_http=self.allow_insecure_http,
        )

    def _settings(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def report_violation(self, judgement: Judgement) -> None:
        """Call `on_violation`, where there is one."""
        if self.on_violation is not None:
            self.on_violation(judgement.verdict, judgement.stage)

    def request(self, messages: list[MonitorMessage]) -> MonitorRequest:
        """What the monitor is asked about some messages."""
        return MonitorRequest(messages=messages, **{name: getattr(self, name) for name in _ASKED})

    def _call_key(self, call: ToolCall) -> bytes:
        return digest(self.identity, call.model_dump())


_ASKED = ("rules", "reasoning_mode", "policy_id", "policy_ids")


def _unpickled(kind: type[CygnalGuard], settings: dict[str, Any]) -> CygnalGuard:
    return kind(**settings)


def _texts(values: Sequence[str]) -> list[str]:
    if isinstance(values, str) or not all(values):
        raise ConfigurationError(f"policy_ids is a list of names, not {values!r}.")
    return list(values)
