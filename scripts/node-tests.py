"""Writes ONNX's own node tests as files that scripts/node-tests.mjs runs: NAME.onnx, and NAME.json with the inputs and
the outputs that are expected of them. Made for onnx 1.23.1:

    python scripts/node-tests.py FOLDER
"""
import base64
import json
import pathlib
import sys
import warnings

import numpy as np
import onnx

warnings.filterwarnings("ignore")
from onnx.backend.test.case.node import collect_testcases  # noqa: E402

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)


def packed(value) -> dict:
    """An array by its numpy type; anything else (sequences, optionals, strings) by what it is."""
    array = np.asarray(value) if not isinstance(value, (list, type(None))) else None
    if array is None or array.dtype.kind not in "biuf":
        return {"other": type(value).__name__ if array is None else str(array.dtype)}
    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return {"dtype": array.dtype.name, "shape": list(array.shape), "data": data}


for case in collect_testcases(None):
    graph = case.model.graph
    inputs, outputs = case.data_sets[0]
    given = [i.name for i in graph.input]
    record = {
        "operators": sorted({(n.domain + "." if n.domain else "") + n.op_type for n in graph.node}),
        "rtol": case.rtol,
        "atol": case.atol,
        "inputs": {name: packed(value) for name, value in zip(given, inputs)},
        "outputs": {o.name: packed(value) for o, value in zip(graph.output, outputs)},
    }
    (folder / f"{case.name}.onnx").write_bytes(case.model.SerializeToString())
    (folder / f"{case.name}.json").write_text(json.dumps(record))
