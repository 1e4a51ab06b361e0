"""Devices of TensorFlow; implements the functions of `faceswap_lib.devices`."""

import typing

import numpy as np
import tensorflow as tf

from faceswap_lib.devices import ALIGNMENT, Device


def list_devices() -> list[Device]:
    """Lists the devices of TensorFlow; see `faceswap_lib.devices.list_devices`."""
    gpus = [_describe(gpu, f"gpu:{index}") for index, gpu in enumerate(tf.config.list_physical_devices("GPU"))]
    tpus = [Device(name=f"tpu:{index}") for index, _ in enumerate(tf.config.list_physical_devices("TPU"))]
    return [*gpus, *tpus] or [Device(name="cpu:0")]


def to_device(array: np.ndarray):
    """Transfers an array to the device; see `faceswap_lib.devices.to_device`."""
    if has_gpu() or array.ctypes.data % ALIGNMENT or not array.flags.c_contiguous or not array.flags.writeable:
        return tf.convert_to_tensor(array)
    return tf.experimental.dlpack.from_dlpack(array.__dlpack__())


def open_predictor(model) -> typing.Callable[[np.ndarray], list[np.ndarray]]:
    """Prepares a model for prediction; see `faceswap_lib.devices.open_predictor`."""
    signature = [tf.TensorSpec((None, *model.inputs[0].shape[1:]), tf.float32)]
    predict = tf.function(lambda batch: model(batch, training=False), input_signature=signature, autograph=False)
    return lambda batch: [output.numpy() for output in tf.nest.flatten(predict(tf.constant(batch, tf.float32)))]


def has_gpu() -> bool:
    """Checks whether TensorFlow has a GPU."""
    return bool(tf.config.list_physical_devices("GPU"))


def peak_device_memory() -> int | None:
    """Returns the peak device memory; see `faceswap_lib.devices.peak_device_memory`."""
    return tf.config.experimental.get_memory_info("GPU:0")["peak"] if has_gpu() else None


def _describe(gpu: tf.config.PhysicalDevice, name: str) -> Device:
    """Converts a GPU of TensorFlow to a `Device`."""
    details = tf.config.experimental.get_device_details(gpu)
    return Device(
        name=name,
        description=details.get("device_name", ""),
        compute_capability=details.get("compute_capability"),
    )
