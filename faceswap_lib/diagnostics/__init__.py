"""What this machine has, and how fast it trains, converts and writes."""
