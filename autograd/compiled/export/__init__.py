"""Ways out: compiled functions as functions of JAX and as models of ONNX."""
