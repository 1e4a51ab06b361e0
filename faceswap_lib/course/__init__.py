"""What only notebooks need: a detector of swaps and the effect of single losses."""
