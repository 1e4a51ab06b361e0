"""Pretrained networks from third parties: download, weight files, and architectures."""
