"""ONNX models of fitted networks, alone or within pipelines."""
