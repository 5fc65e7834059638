"""Weight files of networks with random weights, in the forms that the real ones come in."""

import collections
import contextlib
import pickle
import sys
import types

import numpy as np

#: (kernel, expansion, channels) of EfficientNet-lite0's first eleven blocks.
BLOCKS = [(3, 1, 16), *[(3, 6, 24)] * 2, *[(5, 6, 40)] * 2, *[(3, 6, 80)] * 3, *[(5, 6, 112)] * 3]


def efficientnet_arrays(seed=0):
    """`{name: array}` as PyTorch names them; shapes out x in x H x W."""
    random = np.random.default_rng(seed)
    arrays = {}

    def convolution(name, norm, *shape):
        fan_in = np.prod(shape[1:])
        arrays[f"{name}.weight"] = random.normal(0, (2 / fan_in) ** 0.5, shape)
        arrays[f"{norm}.weight"] = random.uniform(0.5, 1.5, shape[0])
        arrays[f"{norm}.bias"] = random.normal(0, 0.2, shape[0])
        arrays[f"{norm}.running_mean"] = random.normal(0, 0.2, shape[0])
        arrays[f"{norm}.running_var"] = random.uniform(0.5, 1.5, shape[0])

    convolution("_conv_stem", "_bn0", 32, 3, 3, 3)
    width = 32
    for index, (kernel, expansion, channels) in enumerate(BLOCKS):
        name, wide = f"_blocks.{index}.", width * expansion
        if expansion > 1:
            convolution(f"{name}_expand_conv", f"{name}_bn0", wide, width, 1, 1)
        convolution(f"{name}_depthwise_conv", f"{name}_bn1", wide, 1, kernel, kernel)
        convolution(f"{name}_project_conv", f"{name}_bn2", channels, wide, 1, 1)
        width = channels
    return {name: array.astype(np.float32) for name, array in arrays.items()}


@contextlib.contextmanager
def _names_of_torch():
    """Lets a pickle name PyTorch's functions where there is no PyTorch."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")

    def _rebuild_tensor_v2():
        raise AssertionError("only its name is written")

    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    torch._utils = utils
    for name in ("FloatStorage", "LongStorage"):
        setattr(torch, name, type(name, (), {"__module__": "torch", "__qualname__": name}))
    before = {name: sys.modules.get(name) for name in ("torch", "torch._utils")}
    sys.modules.update({"torch": torch, "torch._utils": utils})
    try:
        yield torch
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


def write_torch(path, arrays, transposed=()):
    """Writes a state dictionary as PyTorch before 1.6 does; strides of `transposed` are turned."""
    with _names_of_torch() as torch, open(path, "wb") as file:
        keys = {name: str(index) for index, name in enumerate(arrays)}
        types_of = {"f": torch.FloatStorage, "i": torch.LongStorage}

        class Storage:
            def __init__(self, name):
                self.name = name

        class Tensor:
            def __init__(self, name):
                self.name = name

        class Pickler(pickle.Pickler):
            def persistent_id(self, item):
                if not isinstance(item, Storage):
                    return None
                array = arrays[item.name]
                return (
                    "storage",
                    types_of[array.dtype.kind],
                    keys[item.name],
                    "cpu",
                    array.size,
                    None,
                )

            def reducer_override(self, item):
                if not isinstance(item, Tensor):
                    return NotImplemented
                array = arrays[item.name]
                strides = [step // array.itemsize for step in stored(item.name).strides]
                rest = (0, array.shape, tuple(strides), False, collections.OrderedDict())
                return torch._utils._rebuild_tensor_v2, (Storage(item.name), *rest)

        def stored(name):
            array = np.ascontiguousarray(arrays[name])
            return np.asfortranarray(array) if name in transposed else array

        for item in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}):
            pickle.dump(item, file, protocol=2)
        Pickler(file, protocol=2).dump(collections.OrderedDict((n, Tensor(n)) for n in arrays))
        pickle.dump(list(keys.values()), file, protocol=2)
        for name, array in arrays.items():
            file.write(np.int64(array.size).tobytes())
            file.write(stored(name).tobytes(order="A"))
    return str(path)
