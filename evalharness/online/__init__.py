"""Online A/B tests: what to ask of traffic once the held-out evidence is in."""
