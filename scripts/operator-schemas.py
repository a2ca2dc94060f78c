"""Writes src/onnx/schema-table.ts: what the ONNX specification says that a node of the default domain may have.

One line for each operator and opset that changed it: inputs, outputs and attributes. Made with onnx 1.23.1:
    python scripts/operator-schemas.py
"""
import pathlib

from onnx import defs

NEWEST = 25
LETTERS = {
    "FLOAT": "f", "INT": "i", "STRING": "s", "TENSOR": "t", "GRAPH": "g", "SPARSE_TENSOR": "p", "TYPE_PROTO": "y",
    "FLOATS": "F", "INTS": "I", "STRINGS": "S", "TENSORS": "T", "GRAPHS": "G", "SPARSE_TENSORS": "P", "TYPE_PROTOS": "Y",
}


def values(formals):
    """'a' for one that is needed, '?' for an optional one, '*' for any number of the last, at least the first ones."""
    text = ""
    for formal in formals:
        option = formal.option.name
        if option == "Variadic":
            return text + "a" * formal.min_arity + "*"
        text += "a" if option == "Single" else "?"
    return text or "-"


def signature(schema):
    attributes = [
        f"{name}:{LETTERS[a.type.name]}{'!' if a.required else ''}" for name, a in sorted(schema.attributes.items())
    ]
    return " ".join([values(schema.inputs), values(schema.outputs), *attributes])


rows = []
schemas = [s for s in defs.get_all_schemas_with_history() if s.domain == "" and s.since_version <= NEWEST]
last = {}
for schema in sorted(schemas, key=lambda s: (s.name, s.since_version)):
    said = signature(schema)
    if last.get(schema.name) != said:
        rows.append(f"{schema.name} {schema.since_version} {said}")
    last[schema.name] = said

head = """// Made by scripts/operator-schemas.py; not to be edited. For each operator of the default domain, and each opset that
// changed it: inputs and outputs ('a' one that is needed, '?' one that may be left out, '*' any number), and attributes
// with their kind ('!': needed). Kinds: f float, i int, s string, t tensor, g graph, p sparse tensor, y type; capital
// letters are lists of them.

export const schemaTable = `
"""
path = pathlib.Path(__file__).parent.parent / "src" / "onnx" / "schema-table.ts"
path.write_text(head + "\n".join(rows) + "\n`;\n")
