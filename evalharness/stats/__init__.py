"""Statistics: arrays in, estimates, intervals, tests, power and sequential bounds out.

Depends on: errors, numpy.  Usable alone; no record, file, model or metric is known here.  Nothing
is imported by this file: import the module that holds what you need.

An **Effect** (`inference.Effect`) is finished evidence on one number.  Ask it
`.value .n .n_clusters .method .refusal`, `.bounds(alpha) -> Interval` (each bound one-sided at
alpha, level = 1 - 2 alpha), `.p_greater(theta)`, `.p_less(theta)`, `.p_different(theta)`; bounds
and p-values agree.  `.refusal` says why it may be shown but must not decide a gate.  What cannot be
said raises `errors.TooFewSamples`.  Effects are candidate - baseline (ratios: candidate /
baseline) in the metric's own units; no orientation is applied.

Evidence, by kind of metric:

marks         right/wrong, clusters or not: `paired_marks_effect(c, b, clusters=)`, `marks_effect`
binary        paired right/wrong from counts: `PairedBinary(gain, loss, n)`, `paired_table(c, b)`,
              `tango_interval`, `mcnemar_mid_p`, ...
mean          means and mean differences, repeated or clustered:
              `mean_effect(values, low=, high=, clusters=)`
ratio         cost, tokens, mean latency: `ratio_effect(candidate, baseline)`; part/whole rates:
              `rate_effect`, `rate_difference_effect`
corpus        functions of sums (BLEU): `corpus_effect`, `paired_corpus_effect`, `bootstrap_effect`
weighted      functions of weighted rows (AUROC): `weighted_effect`, `paired_weighted_effect`;
              `corpus_ratio_effect`
quantile      p50, p95: `quantile_effect(values, q)`, `quantile_ratio_effect(c, b, q)`
intervals     one rate: `Proportion(successes, n)`, `proportion_of(marks)`, `wilson_interval`, ...
twosample     arms that did not answer the same questions: `UnpairedBinary`, `unpaired_mean_effect`
estimate      one arm's number: `estimate_proportion`, `estimate_mean`, `estimate_rate`,
              `estimate_corpus`, `estimate_quantile`; any effect: `estimated(effect, level=)`

Around it:

permutation   `sign_flip_test`, `approximate_randomisation`
resample      the kernel: `resample_sums`, `resample_tables`, `resample_weights`, `poisson_sums`
resolve       `until_resolved(effect, more, theta=, alpha=)`: draws while a decision hangs on them
multiplicity  `holm`, `benjamini_hochberg`, `benjamini_yekutieli`, `bonferroni`
power         `n_paired_binary`, `n_bounded_mean`, `n_with_repeats`, `n_split_traffic`, ...
exact_power   `n_tango`, `power_tango`: right/wrong gates without approximation
simulate      `operating_rates(draw, theta=, ...)`: what a rule does when the truth is known
sequential    `lan_demets(information, alpha=, spending=)`, `inflation`, ... for planned looks
confidence_sequences, srm, arms   online tests: any peek, the split, sums of a log
passk         `pass_at_k`, `pass_hat_k`
betting, bootstrap, clusters, ttests   intervals and tests by their textbook names
moments       `cluster_codes(labels)`, `cluster_sums(rows, codes)`

For many corpus metrics and slices, call `resample_tables` once (cluster sums first) and hand each
table's reduced values to `bootstrap_effect`.
"""
