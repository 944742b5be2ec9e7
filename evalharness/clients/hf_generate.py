"""One batch through a model: prompts to tokens, tokens to texts, log-probabilities on the way.

Reads: Weights, rendered prompts.  Gives: Made, scored continuations.
Depends on: hf_weights, records; torch and transformers.
Greedy decoding does not depend on what else is in the batch; prompts are padded on the left.
Only what the request says is applied: sampling defaults in a model's folder are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from evalharness.clients.hf_weights import Weights
from evalharness.records import Finish, Message, Sampling, TokenLogprob

DEFAULT_MAX_TOKENS: Final = 512
JOINT: Final = "\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What the model made of one prompt. completion_tokens counts the token that ended it."""

    text: str
    finish: Finish
    prompt_tokens: int
    completion_tokens: int
    logprobs: tuple[TokenLogprob, ...] | None


def render(tokenizer: Any, messages: Sequence[Message]) -> list[int]:
    """The token ids of a conversation, ready for the model's turn.

    tokenizer: transformers' (Any).  With its chat template where it has one, else as plain text.
    """
    if tokenizer.chat_template:
        turns = [{"role": turn.role, "content": turn.content or ""} for turn in messages]
        text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        return list(tokenizer(text, add_special_tokens=False)["input_ids"])
    text = JOINT.join(turn.content for turn in messages if turn.content)
    return list(tokenizer(text)["input_ids"])


def generate(
    weights: Weights, model: Any, prompts: Sequence[Sequence[int]], sampling: Sampling
) -> list[Made]:  # model Any: a transformers or peft model
    """One answer a prompt, in order.

    prompts: token ids.  sampling: of all of them; above temperature 0 its seed decides.
    """
    import torch
    from transformers import StoppingCriteriaList

    ids, mask = pad_left(prompts, weights)
    wanted = sampling.logprobs is not None
    config = decoding(weights, sampling, ids.shape[1])
    stops = [partial(has_stopped, weights=weights, start=ids.shape[1], stops=sampling.stop)]
    with torch.inference_mode(), torch.random.fork_rng(enabled=bool(sampling.temperature)):
        if sampling.temperature:
            torch.manual_seed(sampling.seed or 0)
        out = model.generate(
            input_ids=ids,
            attention_mask=mask,
            generation_config=config,
            stopping_criteria=StoppingCriteriaList(stops if sampling.stop else []),
        )
        scores = token_scores(model, out, sampling.logprobs or 0, weights) if wanted else None
    made = []
    for index, prompt in enumerate(prompts):
        row = out.sequences[index, ids.shape[1] :].tolist()
        tokens, finish = cut_at_end(row, weights.end_ids(), weights.tokenizer.pad_token_id)
        text = weights.tokenizer.decode(tokens, skip_special_tokens=True)
        stopped = earliest_stop(text, sampling.stop)
        made.append(
            Made(
                text=text if stopped is None else text[:stopped],
                finish=finish if stopped is None else "stop",
                prompt_tokens=len(prompt),
                completion_tokens=len(tokens) + (finish == "stop"),
                logprobs=None if scores is None else tuple(scores[index][: len(tokens)]),
            )
        )
    return made


def pad_left(prompts: Sequence[Sequence[int]], weights: Weights) -> tuple[Any, Any]:
    """Token ids and mask, [n, longest], padded on the left."""
    import torch

    longest = max(len(prompt) for prompt in prompts)
    pad = weights.tokenizer.pad_token_id or 0
    ids = torch.full((len(prompts), longest), pad, dtype=torch.long)
    mask = torch.zeros((len(prompts), longest), dtype=torch.long)
    for index, prompt in enumerate(prompts):
        ids[index, longest - len(prompt) :] = torch.tensor(prompt, dtype=torch.long)
        mask[index, longest - len(prompt) :] = 1
    return ids.to(weights.device), mask.to(weights.device)


def has_stopped(
    ids: Any, _: Any, *, weights: Weights, start: int, stops: Sequence[str], **__: Any
) -> Any:  # tensors, and options of transformers that say nothing here
    """Which answers hold a stop text by now: bool, [n]."""
    import torch

    texts = weights.tokenizer.batch_decode(ids[:, start:], skip_special_tokens=True)
    found = [earliest_stop(text, stops) is not None for text in texts]
    return torch.tensor(found, dtype=torch.bool, device=ids.device)


def decoding(weights: Weights, sampling: Sampling, prompt_tokens: int) -> Any:
    """Decoding options as the request says them; greedy unless it asks for a temperature.

    An answer without a limit of its own ends where the model's context ends.
    """
    from transformers import GenerationConfig

    free = bool(sampling.temperature)
    sampled = {"temperature": sampling.temperature, "top_p": sampling.top_p or 1.0, "top_k": 0}
    room = (weights.max_tokens or prompt_tokens + DEFAULT_MAX_TOKENS) - prompt_tokens
    return GenerationConfig(
        max_new_tokens=sampling.max_tokens or min(DEFAULT_MAX_TOKENS, max(1, room)),
        do_sample=free,
        output_scores=sampling.logprobs is not None,
        return_dict_in_generate=True,
        pad_token_id=weights.tokenizer.pad_token_id,
        eos_token_id=sorted(weights.end_ids()) or None,
        **(sampled if free else {}),
    )


def cut_at_end(
    row: Sequence[int], ends: frozenset[int], pad: int | None
) -> tuple[list[int], Finish]:
    """The tokens before the first that ends an answer; `length` where none does.

    Padding at the end is what a shorter answer of the batch waited with.
    """
    for index, token in enumerate(row):
        if token in ends:
            return list(row[:index]), "stop"
    kept = list(row)
    while kept and kept[-1] == pad:
        kept.pop()
    return kept, "length"


def earliest_stop(text: str, stops: Sequence[str]) -> int | None:
    """Where the first stop text begins, or None."""
    found = [at for at in (text.find(stop) for stop in stops) if at >= 0]
    return min(found, default=None)


def token_scores(model: Any, out: Any, top: int, weights: Weights) -> list[list[TokenLogprob]]:
    """Log-probabilities of the generated tokens, [n][steps], with `top` alternatives each."""
    import torch

    chosen = model.compute_transition_scores(out.sequences, out.scores, normalize_logits=True)
    steps = len(out.scores)
    tokens = out.sequences[:, -steps:]
    tops: list[Any] = []
    for step in range(steps if top else 0):
        logprobs = torch.log_softmax(out.scores[step].float(), dim=-1)
        tops.append(logprobs.topk(min(top, logprobs.shape[-1]), dim=-1))
    listed = []
    for row in range(tokens.shape[0]):
        entries = []
        for step in range(steps):
            number = float(chosen[row, step])
            entries.append(
                TokenLogprob(
                    token=weights.tokenizer.decode([int(tokens[row, step])]),
                    logprob=max(number, -1e4),  # padding behind the end is -inf, and cut off later
                    top=top_of(tops[step], row, weights) if top else {},
                )
            )
        listed.append(entries)
    return listed


def top_of(step: Any, row: int, weights: Weights) -> dict[str, float]:
    """The alternatives at one step, token -> log-probability."""
    pairs = zip(step.indices[row].tolist(), step.values[row].tolist(), strict=True)
    decode = weights.tokenizer.decode
    return {decode([token]): number for token, number in pairs if number > float("-inf")}


def score(
    weights: Weights, model: Any, pairs: Sequence[tuple[Sequence[int], Sequence[int]]]
) -> list[tuple[TokenLogprob, ...]]:
    """Log-probabilities of each continuation's tokens, given its prompt.

    pairs: (prompt ids, continuation ids), neither empty.
    """
    import torch

    longest = max(len(prompt) + len(rest) for prompt, rest in pairs)
    pad = weights.tokenizer.pad_token_id or 0
    ids = torch.full((len(pairs), longest), pad, dtype=torch.long)
    mask = torch.zeros((len(pairs), longest), dtype=torch.long)
    for index, (prompt, rest) in enumerate(pairs):
        whole = torch.tensor([*prompt, *rest], dtype=torch.long)
        ids[index, : len(whole)] = whole
        mask[index, : len(whole)] = 1
    with torch.inference_mode():
        logits = model(
            input_ids=ids.to(weights.device), attention_mask=mask.to(weights.device)
        ).logits
        scored = []
        for index, (prompt, rest) in enumerate(pairs):
            # The logits at a position are those of the token behind it.
            own = logits[index, len(prompt) - 1 : len(prompt) + len(rest) - 1].float()
            wanted = torch.tensor(list(rest), device=own.device)
            numbers = torch.log_softmax(own, dim=-1).gather(1, wanted[:, None])[:, 0].tolist()
            scored.append(
                tuple(
                    TokenLogprob(token=weights.tokenizer.decode([token]), logprob=number)
                    for token, number in zip(rest, numbers, strict=True)
                )
            )
    return scored
