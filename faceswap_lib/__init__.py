"""Face swapping you can read: from two videos to a swapped one, one room per step.

Importing this package is cheap. Each room (`media`, `faces`, `facesets`, `networks`, `training`, `conversion`,
`evaluation`) is imported by the code that needs it; only `networks`, `training` and the network-backed swapper in
`conversion` bring in Keras.
"""

__version__ = "0.1.0"
