"""Trained networks answering, as a skilled user has them answer on a CPU: one row at a time, and 4,096 at once, of numbers
without a pattern and of the images in DIR/images.f32.

`inference.py ENGINE --folder DIR --threads N` prints one line of JSON for each `*.safetensors` in DIR, which are
networks of dense layers, ReLU between them and softmax at the end:

    {"engine", "network", "threads", "row_median_us", "row_p99_us", "rows_per_second", "images_per_second",
     "probabilities", "image_probabilities", "version"}

Probabilities are the last row's. The engines: `onnxruntime` with its inputs and outputs bound beforehand, `torch`,
`torch-compile`, and `jax` (jit, with arrays that are on its device already). Rows are the same as those of
`examples/inference.rs`, to which the figures are compared.
"""

import argparse
import json
import statistics
import sys
import time
import warnings
from pathlib import Path

import numpy
from safetensors.numpy import load_file

BATCH = 4096
ROWS, BATCHES, WARM_UP = 5000, 30, 300


def seconds(warm_up, count, call):
    """The seconds of each of `count` calls, in order of size."""
    for _ in range(warm_up):
        call()
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return sorted(taken)


def onnxruntime_engine(layers, threads):
    """`answer(x)` gives a call without arguments, and where its result will lie."""
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    nodes, constants, name = [], [], "x"
    for i, (w, b) in enumerate(layers):
        constants += [numpy_helper.from_array(w, f"w{i}"), numpy_helper.from_array(b, f"b{i}")]
        last = i + 1 == len(layers)
        nodes.append(helper.make_node("Gemm", [name, f"w{i}", f"b{i}"], [f"z{i}"]))
        name = "y" if last else f"a{i}"
        nodes.append(helper.make_node("Softmax", [f"z{i}"], [name], axis=1) if last
                     else helper.make_node("Relu", [f"z{i}"], [name]))
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", layers[0][0].shape[0]])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", layers[-1][0].shape[1]])]
    graph = helper.make_graph(nodes, "network", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    providers = ["CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=providers)

    def answer(x):
        out = numpy.empty((len(x), layers[-1][0].shape[1]), numpy.float32)
        bound = session.io_binding()
        bound.bind_ortvalue_input("x", onnxruntime.OrtValue.ortvalue_from_numpy(x))
        result = onnxruntime.OrtValue.ortvalue_from_numpy(out)
        bound.bind_ortvalue_output("y", result)
        return (lambda: session.run_with_iobinding(bound)), result.numpy

    return answer, onnxruntime.__version__


def torch_engine(layers, threads, compiled):
    import torch

    torch.set_num_threads(threads)
    modules = []
    for i, (w, b) in enumerate(layers):
        linear = torch.nn.Linear(*w.shape)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(w.T))
            linear.bias.copy_(torch.from_numpy(b))
        modules += [linear, torch.nn.Softmax(1) if i + 1 == len(layers) else torch.nn.ReLU()]
    network = torch.nn.Sequential(*modules).eval()
    if compiled:
        network = torch.compile(network)

    def answer(x):
        x = torch.from_numpy(x)

        def call():
            with torch.inference_mode():
                return network(x)

        return call, lambda: call().numpy()

    return answer, torch.__version__


def jax_engine(layers, _threads):
    import jax

    parameters = [(jax.numpy.array(w), jax.numpy.array(b)) for w, b in layers]

    @jax.jit
    def network(x):
        for w, b in parameters[:-1]:
            x = jax.nn.relu(x @ w + b)
        w, b = parameters[-1]
        return jax.nn.softmax(x @ w + b)

    def answer(x):
        x = jax.numpy.array(x)
        return (lambda: network(x).block_until_ready()), lambda: numpy.asarray(network(x))

    return answer, jax.__version__


ENGINES = {
    "onnxruntime": onnxruntime_engine,
    "torch": lambda layers, threads: torch_engine(layers, threads, compiled=False),
    "torch-compile": lambda layers, threads: torch_engine(layers, threads, compiled=True),
    "jax": jax_engine,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--threads", type=int, required=True)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    for file in sorted(Path(asked.folder).glob("*.safetensors")):
        stored = load_file(file)
        layers = [(stored[f"layers.{i}.w"], stored[f"layers.{i}.b"]) for i in range(len(stored) // 2)]
        inputs = layers[0][0].shape[0]
        numbers = numpy.arange(BATCH * inputs, dtype=numpy.uint64) * 2654435761 % 1000003
        x = (numbers.astype(numpy.float32) * numpy.float32(1e-6)).reshape(BATCH, inputs)
        answer, version = ENGINES[asked.engine](layers, asked.threads)
        one, _ = answer(x[:1].copy())
        rows = seconds(WARM_UP, ROWS, one)
        many, result = answer(x)
        batches = seconds(3, BATCHES, many)
        images = numpy.fromfile(Path(asked.folder) / "images.f32", numpy.float32).reshape(BATCH, inputs)
        many_images, image_result = answer(images)
        image_batches = seconds(3, BATCHES, many_images)
        line = {
            "engine": asked.engine,
            "network": file.stem,
            "threads": asked.threads,
            "row_median_us": statistics.median(rows) * 1e6,
            "row_p99_us": rows[ROWS * 99 // 100] * 1e6,
            "rows_per_second": BATCH / statistics.median(batches),
            "images_per_second": BATCH / statistics.median(image_batches),
            "probabilities": [float(p) for p in result()[-1]],
            "image_probabilities": [float(p) for p in image_result()[-1]],
            "version": version,
        }
        json.dump(line, sys.stdout)
        print(flush=True)


if __name__ == "__main__":
    main()
