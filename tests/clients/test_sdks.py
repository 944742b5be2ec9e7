"""The real SDKs against the emulator: it speaks the protocols that they speak."""

from __future__ import annotations

import json

import pytest

from evalharness.cli.main import main
from evalharness.clients.expand import expand_models
from evalharness.clients.settings import ClientSettings
from evalharness.clients.together import open_together
from evalharness.errors import Fatal
from evalharness.testing.emulator import FaultRule, Plan

MESSAGES = [{"role": "user", "content": "one two three"}]
ROW = {"messages": [*MESSAGES, {"role": "assistant", "content": "four"}]}


@pytest.fixture
def openai_sdk(emulator):
    openai = pytest.importorskip("openai", reason="the openai SDK is not installed")
    with openai.OpenAI(api_key="k", base_url=emulator.url, max_retries=0) as sdk:
        yield sdk


@pytest.fixture
def together_sdk(emulator):
    together = pytest.importorskip("together", reason="the together SDK is not installed")
    emulator.set_plan(Plan(dialect="together"))
    with together.Together(api_key="k", base_url=emulator.root, max_retries=0) as sdk:
        yield sdk


def test_openais_sdk_gets_answers_and_streams(openai_sdk):
    answer = openai_sdk.chat.completions.create(model="echo", messages=MESSAGES)
    assert ("one two three", "stop", 3) == (
        answer.choices[0].message.content,
        answer.choices[0].finish_reason,
        answer.usage.completion_tokens,
    )
    stream = openai_sdk.chat.completions.create(
        model="echo", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert ("one two three", 3) == (said, chunks[-1].usage.completion_tokens)


def test_openais_sdk_gets_completions_models_logprobs_and_tools(openai_sdk):
    done = openai_sdk.completions.create(model="echo", prompt="a b", logprobs=1)
    assert ("a b", ["a", " b"]) == (done.choices[0].text, done.choices[0].logprobs.tokens)
    assert ["echo"] == [model.id for model in openai_sdk.models.list().data]
    chat = openai_sdk.chat.completions.create(
        model="echo", messages=MESSAGES, logprobs=True, top_logprobs=1
    )
    assert 3 == len(chat.choices[0].logprobs.content)
    call = openai_sdk.chat.completions.create(model="tool", messages=MESSAGES)
    assert "look_up" == call.choices[0].message.tool_calls[0].function.name


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("throttle_int", "RateLimitError"),
        ("key_401", "AuthenticationError"),
        ("model_404", "NotFoundError"),
        ("error_500", "InternalServerError"),
        ("bad_request_400", "BadRequestError"),
        ("reset_before", "APIConnectionError"),
    ],
)
def test_openais_sdk_takes_refusals_for_what_they_are(emulator, openai_sdk, fault, error):
    emulator.set_plan(Plan(rules=(FaultRule(faults=(fault,), times=None),)))
    with pytest.raises(Exception) as raised:  # the SDK's classes by name
        openai_sdk.chat.completions.create(model="echo", messages=MESSAGES)
    assert error == type(raised.value).__name__


def test_openais_sdk_runs_a_batch(emulator, openai_sdk):
    body = {"model": "echo", "messages": MESSAGES}
    line = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": body}
    file = openai_sdk.files.create(
        file=("batch.jsonl", json.dumps(line).encode() + b"\n"), purpose="batch"
    )
    batch = openai_sdk.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    for _ in range(3):
        batch = openai_sdk.batches.retrieve(batch.id)
    assert "completed" == batch.status
    output = json.loads(openai_sdk.files.content(batch.output_file_id).text)
    assert "one two three" == output["response"]["body"]["choices"][0]["message"]["content"]


def test_togethers_sdk_gets_answers_and_streams(together_sdk):
    answer = together_sdk.chat.completions.create(model="echo", messages=MESSAGES)
    assert ("one two three", "eos") == (
        answer.choices[0].message.content,
        answer.choices[0].finish_reason,
    )
    chunks = list(
        together_sdk.chat.completions.create(model="echo", messages=MESSAGES, stream=True)
    )
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert ("one two three", 3) == (said, chunks[-1].usage.completion_tokens)


@pytest.fixture
def trained(emulator, together_sdk, tmp_path):
    """A finished fine-tuning job, made through the SDK."""
    path = tmp_path / "train.jsonl"
    path.write_text(json.dumps(ROW) + "\n")
    file = together_sdk.files.upload(file=path, purpose="fine-tune")
    assert path.read_bytes() == together_sdk.files.content(file.id).read()
    job = together_sdk.fine_tuning.create(
        training_file=file.id, model="meta/echo", n_epochs=3, lora=True, n_checkpoints=3
    )
    return job.id


def finish(sdk, job):
    return [sdk.fine_tuning.retrieve(job).status for _ in range(3)]


def test_togethers_sdk_uploads_and_trains(together_sdk, trained):
    assert ["queued", "completed", "completed"] == finish(together_sdk, trained)
    assert together_sdk.fine_tuning.list_events(trained).data
    assert 4 == len(together_sdk.fine_tuning.list_checkpoints(trained).data)


@pytest.fixture
def settings(emulator):
    return ClientSettings(
        environment={"TOGETHER_API_KEY": "k", "TOGETHER_BASE_URL": emulator.root}, session="s"
    )


def test_a_finished_job_stands_for_its_model(together_sdk, trained, settings, ask, question):
    finish(together_sdk, trained)
    client = open_together(f"job:{trained}", settings)
    assert client.identity.model == f"account/tuned-{trained}/echo"
    assert client.identity.details["job"] == trained
    assert ask(client, question("hello")).text == "hello"


def test_a_job_that_is_not_finished_is_no_model(trained, settings):
    with pytest.raises(Fatal, match="is not finished") as refused:
        open_together(f"job:{trained}", settings)
    assert "wait" in refused.value.mend


@pytest.mark.parametrize("status", ["error", "cancelled"])
def test_a_job_that_failed_is_no_model(emulator, together_sdk, trained, settings, status):
    emulator.ledger.plan = Plan(dialect="together", job_end=status)
    finish(together_sdk, trained)
    with pytest.raises(Fatal, match=f"its status is {status}"):
        open_together(f"job:{trained}", settings)


def test_an_unknown_job_is_refused(together_sdk, settings):
    with pytest.raises(Fatal, match="404"):
        open_together("job:ft-9999", settings)


def test_a_provider_that_cannot_be_reached_is_said(together_sdk):
    environment = {"TOGETHER_API_KEY": "k", "TOGETHER_BASE_URL": "http://127.0.0.1:9"}
    with pytest.raises(Fatal, match="job ft-1") as refused:
        open_together("job:ft-1", ClientSettings(environment=environment))
    assert "connection" == refused.value.kind


def test_every_registered_checkpoint_of_a_job_is_an_arm(together_sdk, trained, settings):
    finish(together_sdk, trained)
    models = expand_models("together", f"job:{trained}@checkpoints?stream=on", settings)
    assert [f"job:{trained}@step-{step}?stream=on" for step in (10, 20, 30)] == models
    client = open_together(models[0], settings)
    assert f"project/step-10-account/tuned-{trained}/echo" == client.identity.model
    with pytest.raises(Fatal, match="no checkpoint at step 15") as refused:
        open_together(f"job:{trained}@step-15", settings)
    assert "10, 20, 30" in refused.value.mend


def test_any_other_name_is_one_arm(settings):
    assert ["job:ft-1"] == expand_models("together", "job:ft-1", settings)
    assert ["m@checkpoints"] == expand_models("openai", "m@checkpoints", settings)


def test_a_checkpoint_arm_stands_for_all_of_them_in_run_and_gate(
    emulator, together_sdk, trained, tmp_path, monkeypatch, capsys
):
    finish(together_sdk, trained)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOGETHER_API_KEY", "k")
    monkeypatch.setenv("TOGETHER_BASE_URL", emulator.root)
    rows = [{"id": f"q{n}", "input": f"{n}?", "target": f"{n}?"} for n in range(40)]
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "suite.yaml").write_text(
        "name: echoes\ndata: {path: d.jsonl}\nmetrics: [exact_match]\n"
        "generation: {max_tokens: 9}\npolicy: {gates: [{metric: exact_match, role: primary, "
        "test: non_inferiority, margin: 0.1}]}\n"
    )
    arms = f"together/job:{trained}@checkpoints"
    common = ["suite.yaml", "--quiet", "--no-cache", "--json"]
    assert 0 == main(["run", *common, "--model", arms])
    shown = capsys.readouterr().out
    assert all(f"job:{trained}@step-{step}" in shown for step in (10, 20, 30))
    asked = emulator.state()["requests"]
    code = main(
        ["gate", *common, "--candidate", arms, "--baseline", f"together/job:{trained}@step-10"]
    )
    found = json.loads(capsys.readouterr().out)
    assert (0, "READY", 3) == (code, found["verdict"], len(found["gates"]))
    # Only the same model under a name of its own (the baseline) was asked again.
    assert emulator.state()["requests"] <= asked + 41
