"""Names -> objects: built-in metrics, clients and sources, and plug-ins by entry point.

Reads: installed distributions' entry points, and only for a name that is not built in.
Gives: metric and client factories.
Depends on: contracts, errors.  Imports nothing that it names until it is asked for.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from evalharness.errors import SpecError, did_you_mean

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from evalharness.contracts import Metric
    from evalharness.records import JsonObject

METRICS: dict[str, str] = {
    "exact_match": "evalharness.metrics.exact:ExactMatch",
    "f1": "evalharness.metrics.token_f1:TokenF1",
    "squad_em": "evalharness.metrics.token_f1:SquadExactMatch",
    "numeric_match": "evalharness.metrics.numeric:NumericMatch",
    "multiple_choice": "evalharness.metrics.choice:MultipleChoice",
    "contains": "evalharness.metrics.pattern:Contains",
    "regex": "evalharness.metrics.pattern:RegexMatch",
    "drop_em": "evalharness.metrics.drop:DropExactMatch",
    "drop_f1": "evalharness.metrics.drop:DropF1",
    "edit_similarity": "evalharness.metrics.edits:EditSimilarity",
    "edit_distance": "evalharness.metrics.edits:EditDistance",
    "cer": "evalharness.metrics.edits:CharacterErrorRate",
    "wer": "evalharness.metrics.edits:WordErrorRate",
    "accuracy": "evalharness.metrics.classify:Accuracy",
    "macro_f1": "evalharness.metrics.classify:MacroF1",
    "mcc": "evalharness.metrics.classify:MatthewsCorrelation",
    "kappa": "evalharness.metrics.classify:CohenKappa",
    "auroc": "evalharness.metrics.scored_label:Auroc",
    "average_precision": "evalharness.metrics.scored_label:AveragePrecision",
    "brier": "evalharness.metrics.scored_label:Brier",
    "log_loss": "evalharness.metrics.scored_label:LogLoss",
    "ece": "evalharness.metrics.scored_label:CalibrationError",
    "perplexity": "evalharness.metrics.likelihood:Perplexity",
    "bits_per_byte": "evalharness.metrics.likelihood:BitsPerByte",
    "letter_likelihood": "evalharness.metrics.likelihood:LetterLikelihood",
    "choice_likelihood": "evalharness.metrics.likelihood:ChoiceLikelihood",
    "json_valid": "evalharness.metrics.json_format:JsonValid",
    "json_schema": "evalharness.metrics.json_format:JsonSchemaMatch",
    "headers": "evalharness.metrics.layout:Headers",
    "bullets": "evalharness.metrics.layout:Bullets",
    "length": "evalharness.metrics.layout:Length",
    "format_ok": "evalharness.metrics.layout:FormatOk",
    "language": "evalharness.metrics.language:Language",
    "tool_call": "evalharness.metrics.tool_calls:ToolCallMatch",
    "passed": "evalharness.metrics.executions:Passed",
    "pass_at_k": "evalharness.metrics.executions:PassAtK",
    "pass_hat_k": "evalharness.metrics.executions:PassHatK",
    "judge": "evalharness.metrics.judged:JudgeScore",
    "win_rate": "evalharness.metrics.preference:WinRate",
    "flip_rate": "evalharness.metrics.preference:FlipRate",
    "length_controlled_win_rate": "evalharness.metrics.preference:LengthControlledWinRate",
    "judge_corrected": "evalharness.metrics.agreement:JudgeCorrected",
    "win_rate_corrected": "evalharness.metrics.agreement:WinRateCorrected",
    "judge_agreement": "evalharness.metrics.agreement:JudgeAgreement",
    "judge_parse_rate": "evalharness.metrics.judged:JudgeParseRate",
    "judge_self_agreement": "evalharness.metrics.steadiness:JudgeSelfAgreement",
    "judge_noise": "evalharness.metrics.steadiness:JudgeNoise",
    "bleu": "evalharness.metrics.bleu:Bleu",
    "sentence_bleu": "evalharness.metrics.bleu:SentenceBleu",
    "chrf": "evalharness.metrics.chrf:Chrf",
    "ter": "evalharness.metrics.ter:Ter",
    "bertscore": "evalharness.encoders.options:BertScoreOptions",
    "embedding_similarity": "evalharness.encoders.options:SimilarityOptions",
    "rouge_1": "evalharness.metrics.rouge:Rouge1",
    "rouge_2": "evalharness.metrics.rouge:Rouge2",
    "rouge_l": "evalharness.metrics.rouge:RougeL",
    "rouge_lsum": "evalharness.metrics.rouge:RougeLsum",
    "error_rate": "evalharness.metrics.outcomes:ErrorRate",
    "unparsed_rate": "evalharness.metrics.outcomes:UnparsedRate",
    "truncation_rate": "evalharness.metrics.outcomes:TruncationRate",
    "refusal_rate": "evalharness.metrics.outcomes:RefusalRate",
    "latency_mean_s": "evalharness.metrics.outcomes:LatencyMean",
    "latency_p50_s": "evalharness.metrics.outcomes:LatencyP50",
    "latency_p95_s": "evalharness.metrics.outcomes:LatencyP95",
    "latency_p99_s": "evalharness.metrics.outcomes:LatencyP99",
    "ttft_p50_s": "evalharness.metrics.outcomes:TtftP50",
    "ttft_p95_s": "evalharness.metrics.outcomes:TtftP95",
    "cost_usd": "evalharness.metrics.outcomes:CostUsd",
    "prompt_tokens": "evalharness.metrics.outcomes:PromptTokens",
    "completion_tokens": "evalharness.metrics.outcomes:CompletionTokens",
}
"""Metric name -> "module:attribute". One line each; the attribute is called with the options."""

REFERENCES: dict[str, str] = {
    "exact_match": "evalharness.metrics.exact:ReferenceExactMatch",
    "f1": "evalharness.metrics.squad_reference:ReferenceTokenF1",
    "squad_em": "evalharness.metrics.squad_reference:ReferenceSquadExactMatch",
    "macro_f1": "evalharness.metrics.sklearn_reference:ReferenceMacroF1",
    "mcc": "evalharness.metrics.sklearn_reference:ReferenceMatthewsCorrelation",
    "kappa": "evalharness.metrics.sklearn_reference:ReferenceCohenKappa",
    "auroc": "evalharness.metrics.sklearn_reference:ReferenceAuroc",
    "average_precision": "evalharness.metrics.sklearn_reference:ReferenceAveragePrecision",
    "brier": "evalharness.metrics.sklearn_reference:ReferenceBrier",
    "log_loss": "evalharness.metrics.sklearn_reference:ReferenceLogLoss",
    "bleu": "evalharness.metrics.sacrebleu_reference:ReferenceBleu",
    "sentence_bleu": "evalharness.metrics.sacrebleu_reference:ReferenceSentenceBleu",
    "chrf": "evalharness.metrics.sacrebleu_reference:ReferenceChrf",
    "ter": "evalharness.metrics.sacrebleu_reference:ReferenceTer",
    "bertscore": "evalharness.encoders.options:ReferenceBertScoreOptions",
    "rouge_1": "evalharness.metrics.rouge_reference:ReferenceRouge1",
    "rouge_2": "evalharness.metrics.rouge_reference:ReferenceRouge2",
    "rouge_l": "evalharness.metrics.rouge_reference:ReferenceRougeL",
    "rouge_lsum": "evalharness.metrics.rouge_reference:ReferenceRougeLsum",
}
"""What a metric's option `impl: reference` makes in its place: the reference library itself."""

IMPLEMENTATIONS = ("own", "reference")
"""The values of the option `impl`, which every metric with a reference has."""

ENCODER_METRICS = frozenset({"bertscore", "embedding_similarity"})
"""Those that cannot be made without a `model`: an encoder's folder or hub name."""

EVALUATE = "evaluate:"
"""What the name of a metric of the package `evaluate` begins with."""

BRIDGES = {"evaluate": "evalharness.metrics.hf_evaluate:HfEvaluateOptions"}
"""Makers of metrics that other packages hold."""

CLIENTS: dict[str, str] = {
    "echo": "evalharness.clients.trained_answers:open_echo",
    "hf": "evalharness.clients.hf_local:open_hf",
    "majority": "evalharness.clients.trained_answers:open_majority",
    "nearest_neighbour": "evalharness.clients.trained_answers:open_nearest_neighbour",
    "openai": "evalharness.clients.openai_http:open_openai",
    "replay": "evalharness.clients.replay:open_replay",
    "scripted": "evalharness.clients.scripted:open_scripted",
    "tinker": "evalharness.clients.tinker:open_tinker",
    "together": "evalharness.clients.together:open_together",
}
"""Provider name -> "module:function"; the function is called with (model, ClientSettings)."""

GROUPS = {
    "metric": "evalharness.metrics",
    "client": "evalharness.clients",
    "source": "evalharness.sources",
}


def load(name: str, kind: str, table: Mapping[str, str], *, where: str | None = None) -> Any:
    """The object that `name` stands for. Any: the caller knows what its table holds.

    kind: "metric", "client" or "source".  where: file and path, for the error.
    Raises SpecError for an unknown name (with the nearest known one), for a plug-in that cannot
    load (with its distribution) and for a name that two plug-ins claim.
    """
    target = table.get(name)
    if target is not None:
        module, _, attribute = target.partition(":")
        return getattr(importlib.import_module(module), attribute)
    plugins = entry_points(kind)
    found = [point for point in plugins if point.name == name]
    if not found:
        known = sorted({*table, *(point.name for point in plugins)})
        near = did_you_mean(name, known)
        raise SpecError(
            f"unknown {kind} '{name}'",
            where=where,
            mend=f"{near + ' ' if near else ''}`evalharness list {kind}s` names all {len(known)}",
        )
    if len(found) > 1:
        owners = ", ".join(sorted(owner(point) for point in found))
        raise SpecError(f"{kind} '{name}' is claimed by several packages: {owners}", where=where)
    try:
        return found[0].load()
    except Exception as error:
        raise SpecError(
            f"{kind} '{name}' of {owner(found[0])} cannot be loaded: {error!r}",
            where=where,
            mend="repair or uninstall that package",
        ) from error


def entry_points(kind: str) -> list[EntryPoint]:
    """Plug-ins installed for `kind`; looked at only when a name is not built in, or listed."""
    from importlib.metadata import entry_points as installed

    return list(installed(group=GROUPS[kind]))


def owner(point: EntryPoint) -> str:
    """The distribution that an entry point comes from, with its version."""
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def make_metric(name: str, options: JsonObject, *, where: str | None = None) -> Metric:
    """A metric by its name in a suite, with its options.

    Raises SpecError for an unknown name or option, or an option's wrong value.
    """
    if name.startswith(EVALUATE):
        factory = load("evaluate", "metric", BRIDGES, where=where)
        options = {**options, "module": name.removeprefix(EVALUATE)}
    else:
        table, options = implementation(name, options, where=where)
        factory = load(name, "metric", table, where=where)
    metric: Metric = call_with_options(factory, options, what=f"metric '{name}'", where=where)
    return metric


def implementation(
    name: str, options: JsonObject, *, where: str | None
) -> tuple[Mapping[str, str], JsonObject]:
    """The table that `impl` asks for, and the other options. Raises SpecError for another value."""
    if name not in REFERENCES or "impl" not in options:
        return METRICS, options
    impl = options["impl"]
    if impl not in IMPLEMENTATIONS:
        allowed = ", ".join(IMPLEMENTATIONS)
        raise SpecError(
            f"metric '{name}': impl must be one of {allowed}; got {impl!r}", where=where
        )
    rest = {key: value for key, value in options.items() if key != "impl"}
    return (REFERENCES if impl == "reference" else METRICS), rest


def call_with_options(
    factory: Callable[..., Any], options: JsonObject, *, what: str, where: str | None
) -> Any:  # Any: what the factory makes
    """Call a factory with options from a file; refuses unknown ones by name.

    A factory may be a record of options whose `make_metric` makes the metric.
    """
    known = [
        parameter.name
        for parameter in inspect.signature(factory).parameters.values()
        if parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    for option in options:
        if option not in known:
            near = did_you_mean(option, known)
            listed = ", ".join(known) or "none"
            raise SpecError(
                f"{what} has no option '{option}'",
                where=where,
                mend=near or f"its options: {listed}",
            )
    try:
        made = factory(**options)
        return made.make_metric() if hasattr(made, "make_metric") else made
    except (TypeError, ValueError) as error:
        raise SpecError(f"{what}: {error}", where=where) from error
