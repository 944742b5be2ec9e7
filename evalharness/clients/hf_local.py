"""Local weights as a client: `hf/PATH` and `hf/PATH?adapter=PATH`, by transformers and peft.

Reads: model and adapter folders (or hub names).  Gives: open_hf, HFClient (a BatchClient).
Depends on: hf_weights, hf_generate, contracts, records, settings.
Answers are batched; latency is given for batches of one only (`batch_size=1`), since a batch's
wall time says little about one answer.  HF_HUB_OFFLINE and local folders need no network.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from evalharness.clients.calls import NOT_BILLED, permanent
from evalharness.clients.hf_generate import Made, generate, render, score
from evalharness.clients.hf_weights import Place, Weights, adapter_base, describe, weights_for
from evalharness.clients.pricing import cost_usd
from evalharness.clients.settings import (
    ClientSettings,
    option_choice,
    option_number,
    option_text,
    refuse_unknown_options,
    split_query,
)
from evalharness.contracts import Capabilities, Identity, Limits
from evalharness.errors import SpecError
from evalharness.records import (
    Answered,
    Completion,
    Failed,
    Outcome,
    Provenance,
    Request,
    Sampling,
    Usage,
)
from evalharness.spec.suite import PriceSpec

OPTIONS: Final = ("adapter", "batch_size", "dtype", "device", "revision")
DTYPES: Final = ("auto", "float32", "bfloat16", "float16")
BATCH_SIZE: Final = 16


def open_hf(model: str, settings: ClientSettings) -> HFClient:
    """The client for `hf/<model>`; weights are loaded at the first question.

    options: `adapter` (a peft folder), `batch_size`, `dtype`, `device`, `revision` of a hub name.
    A folder that holds an adapter only stands for that adapter on the base that it names.
    Raises SpecError for a wrong option or an adapter folder that is none.
    """
    path, query = split_query(model)
    options = {**settings.options, **query}
    refuse_unknown_options(options, OPTIONS, provider="hf")
    adapter = option_text(options, "adapter")
    if adapter is None and not (Path(path) / "config.json").is_file():
        base = adapter_base(Path(path))
        if base is not None:
            path, adapter = base, path
    if not Path(path).is_dir() and (path.startswith((".", "/")) or path.count("/") > 1):
        raise SpecError(
            f"no folder '{path}' to take the model from",
            mend="check the path, or train and save the model there first",
        )
    if adapter is not None and adapter_base(Path(adapter)) is None:
        raise SpecError(f"no adapter in '{adapter}'", mend="give a folder with adapter_config.json")
    place = Place(
        base=path,
        revision=option_text(options, "revision") or "main",
        dtype=option_choice(options, "dtype", DTYPES, "auto"),
        device=option_text(options, "device") or "auto",
    )
    size = int(option_number(options, "batch_size") or BATCH_SIZE)
    if size < 1:
        raise SpecError(f"client option 'batch_size' must be 1 or more, got {size}")
    identity = Identity(provider="hf", model=path, details=dict(describe(place, adapter)))
    client = HFClient(place, adapter, identity, batch_size=size, session=settings.session)
    client.price = settings.price
    return client


class HFClient:
    """A model in this process, with or without an adapter.

    One batch runs at a time on shared weights, in a thread, so that other arms go on meanwhile.
    price: what its tokens are to cost; None where nobody says: one's own machine sends no bill.
    """

    price: PriceSpec | None = None

    def __init__(
        self,
        place: Place,
        adapter: str | None,
        identity: Identity,
        *,
        batch_size: int = BATCH_SIZE,
        session: str = "",
    ) -> None:
        self.identity = identity
        self.capabilities = Capabilities(score=True, logprobs=True, seed=True, deterministic=True)
        self.limits = Limits(max_connections=1, batch_size=batch_size)
        self._place = place
        self._adapter = adapter
        self._session = session
        self._weights: Weights | None = None

    async def complete(self, request: Request) -> Completion:
        """One answer; raises Permanent for a request that the model cannot take."""
        outcome = (await self.complete_batch([request]))[0]
        if isinstance(outcome, Failed):
            raise permanent(outcome.kind, outcome.detail, NOT_BILLED)
        return outcome.completion

    async def complete_batch(self, requests: Sequence[Request]) -> Sequence[Outcome]:
        """One outcome a request, in order; raises Fatal where the model cannot be loaded."""
        return await asyncio.to_thread(self._answer_all, list(requests)) if requests else []

    async def close(self) -> None:
        """Let go of the weights; the last arm to do so frees them."""
        self._weights = None

    def _answer_all(self, requests: list[Request]) -> list[Outcome]:
        if self._weights is None:
            self._weights = weights_for(self._place)
        weights = self._weights
        outcomes: list[Outcome | None] = [None] * len(requests)
        with weights.lock:
            for batch in alike(requests, self.limits.batch_size):
                asked = [requests[index] for index in batch]
                for index, outcome in zip(batch, self._answer(weights, asked), strict=True):
                    outcomes[index] = outcome
        return [outcome for outcome in outcomes if outcome is not None]

    def _answer(self, weights: Weights, requests: list[Request]) -> list[Outcome]:
        """Outcomes of requests that share kind and sampling."""
        if requests[0].tools:
            return [Failed(kind="unsupported", detail="local weights call no tools")] * len(
                requests
            )
        scoring = requests[0].kind == "score"
        prompts = [render(weights.tokenizer, request.messages) for request in requests]
        wanted = [
            len(self._continuation(weights, request))
            if scoring
            else request.sampling.max_tokens or 1
            for request in requests
        ]
        outcomes: list[Outcome | None] = [
            misfit(len(prompt), more, weights.max_tokens)
            for prompt, more in zip(prompts, wanted, strict=True)
        ]
        fitting = [index for index, outcome in enumerate(outcomes) if outcome is None]
        run = self._score if scoring else self._generate
        made = run(weights, [requests[i] for i in fitting], [prompts[i] for i in fitting])
        for index, outcome in zip(fitting, made, strict=True):
            outcomes[index] = outcome
        return [outcome for outcome in outcomes if outcome is not None]

    def _generate(
        self, weights: Weights, requests: list[Request], prompts: list[list[int]]
    ) -> list[Outcome]:
        def run(start: int, end: int) -> list[Outcome]:
            """Answer the prompts from start to end in one batch."""
            started = time.perf_counter()
            with weights.using(self._adapter) as model:
                made = generate(weights, model, prompts[start:end], requests[0].sampling)
            took_s = time.perf_counter() - started
            latency_s = took_s if self.limits.batch_size == 1 else None
            return [self._completed(one, latency_s) for one in made]

        return in_halves(run, len(requests))

    def _score(
        self, weights: Weights, requests: list[Request], prompts: list[list[int]]
    ) -> list[Outcome]:
        def run(start: int, end: int) -> list[Outcome]:
            """Score the continuations from start to end in one batch."""
            pairs = [
                (prompt, self._continuation(weights, request))
                for prompt, request in zip(prompts[start:end], requests[start:end], strict=True)
            ]
            with weights.using(self._adapter) as model:
                scored = score(weights, model, pairs)
            return [
                self._scored(request, len(prompt), tokens)
                for request, (prompt, _), tokens in zip(
                    requests[start:end], pairs, scored, strict=True
                )
            ]

        return in_halves(run, len(requests))

    def _continuation(self, weights: Weights, request: Request) -> list[int]:
        text = request.continuation or ""
        return list(weights.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _completed(self, made: Made, latency_s: float | None) -> Outcome:
        usage = Usage(prompt_tokens=made.prompt_tokens, completion_tokens=made.completion_tokens)
        return Answered(
            completion=Completion(
                text=made.text,
                finish=made.finish,
                usage=usage,
                latency_s=latency_s,
                cost_usd=cost_usd(usage, self.price),
                logprobs=made.logprobs,
                served_model=self.identity.model,
                provenance=self._provenance(),
            )
        )

    def _scored(self, request: Request, prompt_tokens: int, tokens: tuple[object, ...]) -> Outcome:
        usage = Usage(prompt_tokens=prompt_tokens + len(tokens), completion_tokens=0)
        completion = Completion(
            text=request.continuation or "",
            finish="stop",
            usage=usage,
            cost_usd=cost_usd(usage, self.price),
            served_model=self.identity.model,
            provenance=self._provenance(),
        )
        return Answered(
            completion=msgspec.structs.replace(completion, logprobs=tokens, prompt_logprobs=tokens)
        )

    def _provenance(self) -> Provenance:
        taken_at = datetime.now(UTC).isoformat(timespec="milliseconds")
        return Provenance(source="live", session=self._session, taken_at=taken_at)


def misfit(prompt_tokens: int, more: int, longest: int | None) -> Failed | None:
    """The failure of a prompt that the model cannot take, or None."""
    if prompt_tokens == 0:
        return Failed(kind="bad_request", detail="the prompt is empty")
    if more == 0:
        return Failed(kind="bad_request", detail="the continuation is empty")
    if longest is not None and prompt_tokens + more > longest:
        detail = f"{prompt_tokens} tokens and {more} more are over the model's {longest}"
        return Failed(kind="context_overflow", detail=detail)
    return None


def alike(requests: Sequence[Request], size: int) -> Iterable[list[int]]:
    """Batches of indexes whose requests may run together: same kind, sampling and tools.

    Above temperature 0 each request runs alone under its own seed, so that an answer does not
    depend on what else was asked.
    """
    groups: dict[tuple[str, bytes], list[int]] = {}
    encoder = msgspec.json.Encoder()
    for index, request in enumerate(requests):
        sampling: Sampling = request.sampling
        alone = f"{index}" if sampling.temperature and request.kind == "generate" else ""
        key = (request.kind + alone, encoder.encode((sampling, bool(request.tools))))
        groups.setdefault(key, []).append(index)
    for indexes in groups.values():
        for start in range(0, len(indexes), size):
            yield indexes[start : start + size]


def in_halves(run: Callable[[int, int], list[Outcome]], count: int) -> list[Outcome]:
    """Run a batch; where memory runs out, its halves; a single request that is too much fails."""
    if count == 0:
        return []
    outcomes: list[Outcome] = []
    waiting = [(0, count)]
    while waiting:
        start, end = waiting.pop()
        try:
            outcomes.extend(run(start, end))
        except RuntimeError as error:  # torch's out-of-memory error is one
            if "out of memory" not in str(error).lower():
                raise
            if end - start == 1:
                outcomes.append(Failed(kind="overload", detail="out of memory for one request"))
            else:
                middle = (start + end) // 2
                waiting += [(middle, end), (start, middle)]
    return outcomes
