"""The student as an ONNX graph for one text at a time, its matrices in whole numbers of one byte.

One text at a time on purpose: activations are scaled by their largest value, so that in a batch a text's score would
depend on its neighbours. Weights use seven of eight bits, so that processors without VNNI don't overflow: every
machine gives the same answer.
"""

import math
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from safehold.signals.harm.training.student import EPSILON, HEADS

OPSET = 20

#: Steps of a block between values that both depend on the text: they stay as they are.
_UNWEIGHTED = ("query", "key", "value", "match", "mixed")


class _Graph:
    """Nodes and constants in the order in which they were asked for; each call returns the name of what it gives."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, name: str, value: NDArray[Any]) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def add(self, kind: str, name: str, *inputs: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def dense(self, name: str, x: str, parameters: Any) -> str:
        product = self.add("MatMul", f"{name}.product", x, self.constant(f"{name}.weights", parameters[0]))
        return self.add("Add", name, product, self.constant(f"{name}.biases", parameters[1]))

    def norm(self, name: str, x: str, parameters: Any) -> str:
        scale, bias = (self.constant(f"{name}.{part}", value) for part, value in zip("sb", parameters, strict=True))
        return self.add("LayerNormalization", name, x, scale, bias, axis=-1, epsilon=EPSILON)


def write(weights: Any, path: Path, whole: int) -> None:
    """Write `weights` (student.train's) to `path`; `whole` of its layers read every piece. Input `ids` (1, pieces); outputs
    `odds` (1, attributes) and `mean`.
    """
    model = _graph(weights, whole)
    onnx.checker.check_model(model)
    with TemporaryDirectory() as folder:
        large, small = Path(folder) / "large.onnx", Path(folder) / "small.onnx"
        onnx.save(model, str(large))
        quantize_dynamic(
            str(large),
            str(small),
            per_channel=True,
            reduce_range=True,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["MatMul", "Gather"],
            nodes_to_exclude=["head.product", *(f"{n}.{part}" for n in range(99) for part in _UNWEIGHTED)],
            extra_options={"DefaultTensorType": TensorProto.FLOAT},
        )
        path.write_bytes(small.read_bytes())


def _graph(weights: Any, whole: int) -> Any:
    graph = _Graph()
    first = weights["first"]
    words = graph.add("Gather", "words", graph.constant("words.table", first["words"]), "ids")
    length = graph.add("Shape", "length", "ids", start=1, end=2)
    zero = graph.constant("zero", np.array([0], dtype=np.int64))
    places = graph.add("Slice", "places", graph.constant("places.table", first["places"]), zero, length, zero)
    hidden = graph.norm("first", graph.add("Add", "placed", words, places), first["norm"])
    for number, layer in enumerate(weights["layers"]):
        if number == whole:
            hidden = _halved(graph, hidden)
        hidden = _block(graph, str(number), hidden, layer)
    one = graph.constant("one", np.array([1], dtype=np.int64))
    mean = graph.add("ReduceMean", "mean", hidden, one, keepdims=0)
    most = graph.add("ReduceMax", "most", hidden, one, keepdims=0)
    pooled = graph.add("Concat", "pooled", mean, most, axis=1)
    head = weights["head"]
    product = graph.add("MatMul", "head.product", pooled, graph.constant("head.weights", head["weights"]))
    graph.add("Add", "odds", product, graph.constant("head.biases", head["biases"]))
    inputs = [helper.make_tensor_value_info("ids", TensorProto.INT64, [1, "pieces"])]
    outputs = [
        helper.make_tensor_value_info("odds", TensorProto.FLOAT, [1, head["biases"].shape[0]]),
        helper.make_tensor_value_info("mean", TensorProto.FLOAT, [1, first["words"].shape[1]]),
    ]
    made = helper.make_graph(graph.nodes, "harm", inputs, outputs, graph.constants)
    return helper.make_model(
        made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9, producer_name="safehold train"
    )


def _halved(graph: _Graph, hidden: str) -> str:
    """Each two neighbours as their mean; the last of an odd number is put beside itself."""

    def number(name: str, value: int) -> str:
        return graph.constant(f"half.{name}", np.array([value], dtype=np.int64))

    first, second, two, last, end = (
        number(name, value)
        for name, value in (("first", 0), ("second", 1), ("two", 2), ("last", -1), ("end", 2**31 - 1))
    )
    more = graph.add("Concat", "half.more", hidden, graph.add("Slice", "half.tail", hidden, last, end, second), axis=1)
    left = graph.add("Slice", "half.left", hidden, first, end, second, two)
    right = graph.add("Slice", "half.right", more, second, end, second, two)
    half = graph.constant("half.half", np.array(0.5, dtype=np.float32))
    return graph.add("Mul", "half", graph.add("Add", "half.sum", left, right), half)


def _block(graph: _Graph, name: str, hidden: str, layer: Any) -> str:
    width = layer["mix"][0].shape[0]
    each = width // HEADS
    gain = np.ones(3 * width, dtype=np.float32)
    gain[:width] = 1 / math.sqrt(each)  # the scale of attention, in the query's own weights
    together = graph.dense(f"{name}.attend", hidden, (layer["attend"][0] * gain, layer["attend"][1] * gain))
    shape = graph.constant(f"{name}.shape", np.array([1, -1, 3, HEADS, each], dtype=np.int64))
    parts = graph.add("Reshape", f"{name}.parts", together, shape)
    parts = graph.add("Transpose", f"{name}.turned", parts, perm=[2, 0, 3, 1, 4])
    query, key, value = (
        graph.add("Gather", f"{name}.{part}", parts, graph.constant(f"{name}.{part}.at", np.array(i)), axis=0)
        for i, part in enumerate(("query", "key", "value"))
    )
    key = graph.add("Transpose", f"{name}.keys", key, perm=[0, 1, 3, 2])
    fit = graph.add("Softmax", f"{name}.fit", graph.add("MatMul", f"{name}.match", query, key), axis=-1)
    mixed = graph.add("MatMul", f"{name}.mixed", fit, value)
    mixed = graph.add("Transpose", f"{name}.back", mixed, perm=[0, 2, 1, 3])
    flat = graph.constant(f"{name}.flat", np.array([1, -1, width], dtype=np.int64))
    mixed = graph.dense(f"{name}.mix", graph.add("Reshape", f"{name}.joined", mixed, flat), layer["mix"])
    hidden = graph.norm(f"{name}.norm", graph.add("Add", f"{name}.sum", hidden, mixed), layer["norm"])
    wide = graph.add("Gelu", f"{name}.gelu", graph.dense(f"{name}.widen", hidden, layer["widen"]))
    narrow = graph.dense(f"{name}.narrow", wide, layer["narrow"])
    return graph.norm(f"{name}.norm2", graph.add("Add", f"{name}.sum2", hidden, narrow), layer["norm2"])
