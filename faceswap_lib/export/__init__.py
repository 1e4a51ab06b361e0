"""Export of networks to ONNX files, and the checks before ONNX Runtime loads them."""
