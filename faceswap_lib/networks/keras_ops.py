"""`keras.ops` without types: Keras has no type stubs, and type checkers infer None as the result of most operations."""

import typing

import keras

ops: typing.Any = keras.ops
