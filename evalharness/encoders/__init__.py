"""Text encoders as resources: weights by content, token vectors, a cache that outlives the run."""
