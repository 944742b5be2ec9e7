"""A 0.3M-parameter Llama made from nothing: its tokenizer, its weights, its adapters.

Reads: questions with their answers.  Gives: a tokenizer, a trained model, LoRA adapters, answers.
Depends on: torch, transformers, peft, tokenizers.  Knows nothing of suites and recordings.

Everything is seeded and runs in one thread, so the same versions give the same weights.
LoRA cannot teach a token that the base never saw (the embeddings are tied and frozen), therefore
every answer word stands in the base's corpus too, with the space before it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

PAD, END, USER, ASSISTANT = "<|pad|>", "<|end|>", "<|user|>", "<|assistant|>"
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}"
    "<|assistant|> {{ message['content'] }}<|end|>"
    "{% else %}<|user|> {{ message['content'] }}<|end|>{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
INITIAL_SPREAD = 0.08  # of the first weights; the usual 0.02 needs three times the steps
IGNORED = -100  # the label that the loss of transformers leaves out


@dataclass(frozen=True)
class Lesson:
    """One thing to learn: what is asked and what is to be answered."""

    question: str
    answer: str


@dataclass(frozen=True)
class Course:
    """How long and how hard one training runs; `seed` fixes the order of its lessons."""

    steps: int
    learning_rate: float
    batch: int
    seed: int


@dataclass(frozen=True)
class Adapter:
    """A LoRA adapter: its rank and its training; alpha is 16 for all."""

    rank: int
    course: Course


@dataclass(frozen=True)
class Reply:
    """One answer as it was measured: text, tokens, seconds; `stopped` if it ended by itself."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    stopped: bool
    latency_s: float


def make_tokenizer(texts: Sequence[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer trained on `texts`, with the chat template of this model."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[PAD, END, USER, ASSISTANT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token=PAD,
        eos_token=END,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def make_model(tokenizer: PreTrainedTokenizerFast, seed: int) -> LlamaForCausalLM:
    """An untrained Llama of two layers, 96 wide, with tied embeddings."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=96,
        intermediate_size=288,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=96,
        tie_word_embeddings=True,
        initializer_range=INITIAL_SPREAD,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


def add_adapter(base: LlamaForCausalLM, rank: int, seed: int) -> PeftModel:
    """`base` with a fresh LoRA adapter on every linear layer."""
    torch.manual_seed(seed)
    config = LoraConfig(
        r=rank,
        lora_alpha=16,
        lora_dropout=0.0,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    return get_peft_model(base, config)


def prompt_ids(tokenizer: PreTrainedTokenizerFast, question: str) -> list[int]:
    """What the model reads before it answers, by the chat template."""
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": question}], tokenize=False, add_generation_prompt=True
    )
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def encode(
    tokenizer: PreTrainedTokenizerFast, lessons: Sequence[Lesson]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and labels, [n, longest]; padded on the right, the question's labels ignored."""
    rows = []
    for lesson in lessons:
        asked = prompt_ids(tokenizer, lesson.question)
        told = tokenizer(f" {lesson.answer}{END}", add_special_tokens=False)["input_ids"]
        rows.append((asked, list(told)))
    longest = max(len(asked) + len(told) for asked, told in rows)
    ids = torch.full((len(rows), longest), int(tokenizer.pad_token_id))
    labels = torch.full((len(rows), longest), IGNORED)
    for row, (asked, told) in enumerate(rows):
        ids[row, : len(asked) + len(told)] = torch.tensor(asked + told)
        labels[row, len(asked) : len(asked) + len(told)] = torch.tensor(told)
    return ids, labels


def train(
    model: LlamaForCausalLM | PeftModel,
    tokenizer: PreTrainedTokenizerFast,
    lessons: Sequence[Lesson],
    course: Course,
) -> float:
    """Train what is trainable in place; gives the mean loss of the last ten steps.

    AdamW under a one-cycle schedule; the loss is taken on the answers only.
    """
    ids, labels = encode(tokenizer, lessons)
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(
        weights, lr=course.learning_rate, betas=(0.9, 0.98), weight_decay=0.0
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=course.learning_rate, total_steps=course.steps
    )
    order = torch.Generator().manual_seed(course.seed)
    queue = torch.empty(0, dtype=torch.long)
    losses = []
    model.train()
    for _ in range(course.steps):
        while len(queue) < course.batch:
            queue = torch.cat([queue, torch.randperm(len(ids), generator=order)])
        picked, queue = queue[: course.batch], queue[course.batch :]
        loss = model(input_ids=ids[picked], labels=labels[picked]).loss
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        schedule.step()
        losses.append(float(loss.detach()))
    model.eval()
    return sum(losses[-10:]) / len(losses[-10:])


@torch.inference_mode()
def answer(
    model: LlamaForCausalLM | PeftModel,
    tokenizer: PreTrainedTokenizerFast,
    question: str,
    *,
    max_tokens: int,
) -> Reply:
    """Ask one question alone, greedily, and measure it."""
    asked = prompt_ids(tokenizer, question)
    inputs = torch.tensor([asked])
    started = time.perf_counter()
    output = model.generate(
        input_ids=inputs,
        attention_mask=torch.ones_like(inputs),
        max_new_tokens=max_tokens,
        do_sample=False,
        pad_token_id=tokenizer.pad_token_id,
    )
    latency_s = time.perf_counter() - started
    told = output[0, len(asked) :].tolist()
    stopped = told[-1] == tokenizer.eos_token_id
    text = tokenizer.decode(told, skip_special_tokens=True).strip()
    return Reply(
        text=text,
        prompt_tokens=len(asked),
        completion_tokens=len(told),
        stopped=stopped,
        latency_s=latency_s,
    )
