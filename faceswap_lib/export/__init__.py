"""Networks as ONNX files: writing, checking and running them."""
