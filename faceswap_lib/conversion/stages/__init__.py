"""The five stages of a conversion, in order: read, swap, composite, annotate, write.

A batch of frames (a list of `FrameTask`) passes through them once. Each stage is a small object whose `process` takes a
batch and returns it with more filled in. `pipeline.run_stages` lets them work at the same time in threads.
"""
