"""Reports: one record of facts in, text out.

`facts` (beside this page's renderers) reads finished runs and gates and fills `results.Facts`;
every other file here is a pure function of that record: the same facts give the same bytes.
Depends on: results, records, errors.  Knows nothing of models, metrics or statistics.
"""
