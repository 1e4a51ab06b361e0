"""`keras.ops` without types: Keras has no type stubs, and a checker infers None as a result of most operations."""

import typing

import keras

ops: typing.Any = keras.ops
