"""Local weights: a tiny model, made in the test, asked plainly and through adapters."""

from __future__ import annotations

import asyncio
import gc
import json
import math

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: local weights untested")
pytest.importorskip("transformers", reason="transformers is not installed")
pytest.importorskip("peft", reason="peft is not installed")

from evalharness.clients import hf_weights  # noqa: E402  # behind the skips
from evalharness.clients.hf_local import alike, in_halves, open_hf  # noqa: E402
from evalharness.clients.settings import ClientSettings  # noqa: E402
from evalharness.clients.stack import build_asker  # noqa: E402
from evalharness.errors import Fatal, SpecError  # noqa: E402
from evalharness.records import Answered, Failed, Message, Sampling  # noqa: E402
from evalharness.spec.suite import PriceSpec  # noqa: E402
from evalharness.testing import check_client  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")  # transformers and peft warn of themselves

WORDS = [f"w{number}" for number in range(40)]
TEMPLATE = (
    "{% for m in messages %}<{{ m['role'] }}> {{ m['content'] }} {% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def tokenizer():
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    special = ["<pad>", "<eos>", "<unk>", "<system>", "<user>", "<assistant>"]
    vocabulary = {word: index for index, word in enumerate([*special, *WORDS])}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        pad_token="<pad>",
        eos_token="<eos>",
        unk_token="<unk>",
        chat_template=TEMPLATE,
    )


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def make_model(folder, *, seed=0, hidden=32):
    from transformers import LlamaConfig, LlamaForCausalLM

    words = tokenizer()
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=hidden,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=64,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=1,
        pad_token_id=0,
        initializer_range=0.4,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def make_adapter(base, folder, *, seed):
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base)
    torch.manual_seed(seed)
    tuned = get_peft_model(model, LoraConfig(r=4, target_modules="all-linear"))
    for name, weight in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.5)
    tuned.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def adapters(base, tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapters")
    return [make_adapter(base, folder / str(seed), seed=seed) for seed in (1, 2)]


@pytest.fixture
def batch(run):
    def get(client, requests):
        async def ask():
            try:
                return await client.complete_batch(requests)
            finally:
                await client.close()

        return run(ask)

    return get


def opened(base, **options):
    return open_hf(str(base), ClientSettings(options=options, session="s"))


def texts(outcomes):
    return [outcome.completion.text for outcome in outcomes]


@pytest.fixture
def requests(question):
    asked = ["w1 w2 w3", "w4", "w5 w6 w7 w8 w9 w10", "w11 w12", "w3 w3 w3"]
    return [question(text, sample_id=text, sampling=Sampling(max_tokens=8)) for text in asked]


def reference(base, text, *, max_new_tokens=8):
    """What transformers itself answers to one prompt."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    words = AutoTokenizer.from_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(base).eval()
    prompt = words.apply_chat_template(
        [{"role": "user", "content": text}], tokenize=False, add_generation_prompt=True
    )
    ids = torch.tensor([words(prompt, add_special_tokens=False)["input_ids"]])
    out = model.generate(ids, max_new_tokens=max_new_tokens, do_sample=False, pad_token_id=0)
    return words.decode(out[0, ids.shape[1] :], skip_special_tokens=True)


def test_batched_answers_are_those_of_one_prompt_at_a_time(base, batch, requests):
    outcomes = batch(opened(base), requests)
    assert [reference(base, request.sample_id) for request in requests] == texts(outcomes)
    for size in (1, 2):
        assert texts(outcomes) == texts(batch(opened(base, batch_size=size), requests))


def test_an_answer_says_what_it_used_and_why_it_ended(base, batch, question):
    request = question("w1 w2", sampling=Sampling(max_tokens=3))
    completion = batch(opened(base), [request])[0].completion
    assert (4, 3, "length") == (
        completion.usage.prompt_tokens,
        completion.usage.completion_tokens,
        completion.finish,
    )
    assert ("live", "s") == (completion.provenance.source, completion.provenance.session)


def test_latency_is_given_for_single_answers_only(base, batch, requests):
    assert batch(opened(base), requests)[0].completion.latency_s is None
    assert batch(opened(base, batch_size=1), requests)[0].completion.latency_s > 0


def test_base_and_adapters_share_weights_and_do_not_disturb_each_other(
    base, adapters, run, requests
):
    async def ask():
        clients = [opened(base), *(opened(base, adapter=str(path)) for path in adapters)]
        first = [texts(await client.complete_batch(requests)) for client in clients]
        held = {id(client._weights) for client in clients}
        again = [texts(await client.complete_batch(requests)) for client in clients]
        together = await asyncio.gather(*(client.complete_batch(requests) for client in clients))
        for client in clients:
            await client.close()
        return first, again, [texts(outcomes) for outcomes in together], held

    first, again, together, held = run(ask)
    assert 1 == len(held)
    assert first == again == together
    assert first[0] == [reference(base, request.sample_id) for request in requests]
    assert 3 == len({tuple(each) for each in first})


def test_weights_are_freed_when_the_last_arm_closes(base, batch, requests):
    gc.collect()
    batch(opened(base), requests[:1])
    gc.collect()
    assert 0 == len(hf_weights._loaded)


def test_an_adapters_folder_stands_for_the_adapter_on_its_base(base, adapters, batch, requests):
    by_option = batch(opened(base, adapter=str(adapters[0])), requests)
    alone = open_hf(str(adapters[0]), ClientSettings())
    assert str(base) == alone.identity.model
    assert texts(by_option) == texts(batch(alone, requests))
    query = open_hf(f"{base}?adapter={adapters[0]}", ClientSettings())
    assert texts(by_option) == texts(batch(query, requests))


def test_every_arm_has_an_identity_of_its_own(base, adapters, tmp_path):
    identities = [
        opened(base).identity,
        opened(base, adapter=str(adapters[0])).identity,
        opened(base, adapter=str(adapters[1])).identity,
        opened(base, dtype="bfloat16").identity,
        opened(make_model(tmp_path, seed=9)).identity,
    ]
    assert 5 == len({json.dumps(identity.details, sort_keys=True) for identity in identities})


def test_a_continuation_is_scored_as_the_model_itself_does(base, batch, question):
    from transformers import AutoModelForCausalLM

    requests = [
        question("w1 w2", kind="score", continuation="w5 w6"),
        question("w9", kind="score", continuation="w1"),
        question("w3 w4 w5 w6", kind="score", continuation="w7 w8 w9"),
    ]
    scored = batch(opened(base), requests)
    words, model = tokenizer(), AutoModelForCausalLM.from_pretrained(base).eval()
    for request, outcome in zip(requests, scored, strict=True):
        prompt = words.apply_chat_template(
            [{"role": "user", "content": request.messages[0].content}],
            tokenize=False,
            add_generation_prompt=True,
        )
        prefix = words(prompt)["input_ids"]
        rest = words(request.continuation)["input_ids"]
        logits = model(torch.tensor([[*prefix, *rest]])).logits[0].log_softmax(-1)
        expected = [
            float(logits[len(prefix) - 1 + index, token]) for index, token in enumerate(rest)
        ]
        found = [token.logprob for token in outcome.completion.prompt_logprobs]
        assert expected == pytest.approx(found, abs=1e-5)
        assert request.continuation == outcome.completion.text


def test_generated_tokens_have_the_logprobs_that_scoring_them_gives(base, batch, question):
    request = question("w1 w2 w3", sampling=Sampling(max_tokens=5, logprobs=2))
    made = batch(opened(base), [request, question("w4", sampling=request.sampling)])[0].completion
    assert 5 == len(made.logprobs)
    assert all(2 == len(token.top) for token in made.logprobs)
    for token in made.logprobs:
        assert max(token.top.values()) == pytest.approx(token.logprob, abs=1e-4)
    said = " ".join(token.token for token in made.logprobs)
    again = question("w1 w2 w3", kind="score", continuation=said)
    scored = batch(opened(base), [again])[0].completion
    total = sum(token.logprob for token in made.logprobs)
    assert total == pytest.approx(sum(token.logprob for token in scored.logprobs), abs=1e-4)
    assert math.exp(total) <= 1


def test_an_answer_ends_at_a_stop_text(base, batch, question):
    free = batch(opened(base), [question("w1 w2 w3", sampling=Sampling(max_tokens=8))])
    words = free[0].completion.text.split()
    stop = next(word for word in words[1:] if word != words[0])
    request = question("w1 w2 w3", sampling=Sampling(max_tokens=8, stop=(stop,)))
    stopped = batch(opened(base), [request])[0].completion
    assert "stop" == stopped.finish
    assert stopped.text == free[0].completion.text.partition(stop)[0]


def test_above_temperature_zero_the_seed_decides_and_not_the_batch(base, batch, question):
    def sampled(seed, text="w1 w2"):
        sampling = Sampling(temperature=1.0, max_tokens=8, seed=seed)
        return question(text, sample_id=f"{seed}", sampling=sampling)

    alone = texts(batch(opened(base), [sampled(1)]))
    together = texts(batch(opened(base), [sampled(2), sampled(1), sampled(3, "w9 w8")]))
    assert alone[0] == together[1]
    assert len(set(together)) == 3


def test_a_prompt_past_the_context_fails_alone(base, batch, question):
    sampling = Sampling(max_tokens=8)
    long = question(" ".join(WORDS + WORDS), sample_id="long", sampling=sampling)
    outcomes = batch(opened(base), [question("w1", sampling=sampling), long])
    assert isinstance(outcomes[0], Answered)
    assert "context_overflow" == outcomes[1].kind


def test_what_weights_cannot_do_is_said(base, batch, question):
    outcomes = batch(
        opened(base),
        [
            question("w1", tools=({"type": "function"},)),
            question("w1", kind="score", continuation=""),
        ],
    )
    assert ["unsupported", "bad_request"] == [outcome.kind for outcome in outcomes]


def test_a_model_without_a_template_continues_plain_text(base, tmp_path, batch, question):
    folder = make_model(tmp_path / "plain")
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings.pop("chat_template", None)
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    messages = (Message(role="system", content="w1"), Message(role="user", content="w2 w3"))
    request = question(messages=messages, sampling=Sampling())
    outcome = batch(opened(folder), [request])[0]
    usage = outcome.completion.usage
    assert 3 == usage.prompt_tokens
    assert usage.prompt_tokens + usage.completion_tokens <= 64


def test_local_weights_keep_the_contract(base, adapters):
    check_client(opened(base))
    check_client(opened(base, adapter=str(adapters[0])))


@pytest.mark.parametrize("options", [{"batch_size": 0.5}, {"dtype": "int3"}, {"adaptor": "x"}])
def test_wrong_options_are_refused(base, options):
    with pytest.raises(SpecError):
        opened(base, **options)


def test_a_folder_that_is_no_adapter_is_refused(base, tmp_path):
    with pytest.raises(SpecError, match="adapter_config"):
        opened(base, adapter=str(tmp_path))


def test_a_model_that_is_not_there_stops_the_run(tmp_path, batch, question, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(Fatal, match="no model can be loaded"):
        batch(opened(tmp_path), [question("w1")])


def test_an_adapter_of_another_base_stops_the_run(adapters, tmp_path, batch, question):
    other = make_model(tmp_path / "wide", hidden=64)
    with pytest.raises(Fatal, match="does not load"):
        batch(opened(other, adapter=str(adapters[0])), [question("w1", sampling=Sampling())])


def test_requests_run_together_where_nothing_tells_them_apart(question):
    cold, warm = Sampling(max_tokens=4), Sampling(max_tokens=4, temperature=0.7)
    asked = [
        question("a", sampling=cold),
        question("b", sampling=warm),
        question("c", sampling=cold),
        question("d", sampling=warm),
        question("e", kind="score", continuation="x", sampling=cold),
        question("f", sampling=cold),
    ]
    assert [[0, 2], [5], [1], [3], [4]] == list(alike(asked, 2))


def test_where_memory_runs_out_halves_are_tried():
    asked = []

    def run(start, end):
        asked.append((start, end))
        if end - start > 2 or start <= 5 < end:
            raise RuntimeError("CUDA out of memory. Tried to allocate")
        return [f"{index}" for index in range(start, end)]

    outcomes = in_halves(run, 8)
    assert ["0", "1", "2", "3", "4"] == outcomes[:5]
    assert isinstance(outcomes[5], Failed)
    assert ["6", "7"] == outcomes[6:]
    assert (0, 8) == asked[0]
    with pytest.raises(RuntimeError, match="other"):
        in_halves(lambda _, __: (_ for _ in ()).throw(RuntimeError("other")), 2)


def test_a_price_of_its_own_is_asked_of_local_weights(base, question):
    price = PriceSpec(prompt_usd_per_mtok=2.0, completion_usd_per_mtok=10.0)

    async def answer(settings):
        asker = build_asker(open_hf(str(base), settings), settings)
        try:
            return (await asker.ask_batch([question("w1 w2", sampling=Sampling(max_tokens=8))]))[
                0
            ].completion
        finally:
            await asker.close()

    free = asyncio.run(answer(ClientSettings()))
    priced = asyncio.run(answer(ClientSettings(price=price)))
    cost = (2.0 * priced.usage.prompt_tokens + 10.0 * priced.usage.completion_tokens) / 1e6
    assert (None, pytest.approx(cost)) == (free.cost_usd, priced.cost_usd)
