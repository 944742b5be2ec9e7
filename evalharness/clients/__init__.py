"""Transport: how to ask one model one question, and the wrappers that make asking safe.

openai_http, together, tinker, hf_local, replay, scripted are clients; retry, limiter, budget,
pricing and caching wrap them; stack puts them together into an `Asker`.
Depends on: contracts, records, errors, store.  Knows nothing of suites, metrics or reports.
"""
