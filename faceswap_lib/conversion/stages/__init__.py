"""The five stages of a conversion, in order: read, swap, composite, annotate, write.

A batch of frames (a list of `FrameTask`) passes through them once. The read stage yields batches. Each of the other
stages has a method `process`, which takes a batch, sets more fields of its frames, and returns the batch.
`pipeline.run_stages` runs the stages at the same time, in threads.
"""
