"""Text: normalisation, tokenisers, stems, numbers; the standard library only."""
