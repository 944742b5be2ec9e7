"""Fine-tuning jobs: a training file -> a job -> a model, and whether that model is ready.

`recipe` says what is asked for, `training_file` whether it may be, `together` speaks to the
service, `follow` begins a job or finds it again and waits for its end, `judge` gates what it made.
"""
