"""A web server of an artifact: its model, the API, and a page to explore it. Needs NumPy, ONNX Runtime and FastAPI."""
