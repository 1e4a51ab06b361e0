"""Detail transfer: fine structure that networks cannot generate is taken from filmed crops of the wanted person."""
