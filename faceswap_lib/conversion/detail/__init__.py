"""Detail transfer: fine structure that networks cannot draw, taken from filmed crops of the wanted person."""
