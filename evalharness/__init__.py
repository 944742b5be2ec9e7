"""Prove that a fine-tuned model is ready: paired, calibrated A/B readiness verdicts."""
