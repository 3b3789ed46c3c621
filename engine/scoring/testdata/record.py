"""Records what MLflow's own scoring server answers, for conformance.json.gz beside this file.

    python3 -m venv venv && venv/bin/pip install mlflow==3.17.2 onnx onnxruntime
    PYTHONHASHSEED=0 venv/bin/python record.py conformance.json.gz

Each model is saved with mlflow.onnx, loaded with mlflow.pyfunc and served by the application
that mlflow.pyfunc.scoring_server.init makes; requests go to it as ASGI messages, headers and
all. The graphs give back what they are fed, one output for each input, so that an answer shows
the feed too and whoever compares needs no runtime.
"""
import asyncio, base64, gzip, json, logging, os, re, shutil, sys, tempfile, warnings

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)
os.environ["MLFLOW_ENABLE_DB_SDK"] = "false"

import mlflow, mlflow.onnx, numpy as np, onnx, onnxruntime, pandas
from mlflow.models import ModelSignature
from mlflow.pyfunc import scoring_server
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec
from mlflow.types.schema import AnyType, Array, DataType, Map, Object, Property
from onnx import TensorProto as T, helper as h

onnxruntime.set_default_logger_severity(4)
JSON = "application/json"
F, D, I32, I64, S, B = T.FLOAT, T.DOUBLE, T.INT32, T.INT64, T.STRING, T.BOOL


def graph(*inputs):
    """A graph whose output "out_NAME" is its input NAME; inputs are (name, type, shape)."""
    g = h.make_graph(
        [h.make_node("Identity", [n], ["out_" + n]) for n, _, _ in inputs], "g",
        [h.make_tensor_value_info(n, t, s) for n, t, s in inputs],
        [h.make_tensor_value_info("out_" + n, t, s) for n, t, s in inputs])
    m = h.make_model(g, opset_imports=[h.make_opsetid("", 17)])
    m.ir_version = 8
    return m


def columns(*specs, params=None):
    """A signature of columns (name or "", type); a type that ends in ? is optional."""
    cols = []
    for name, kind in specs:
        required = True
        if isinstance(kind, str):
            required = not kind.endswith("?")
            kind = kind.rstrip("?")
            kind = AnyType() if kind == "any" else kind
        elif isinstance(kind, tuple):
            kind, required = kind[0], False
        cols.append(ColSpec(kind, name or None, required=required))
    return ModelSignature(inputs=Schema(cols), params=params)


def tensors(*specs, params=None):
    return ModelSignature(inputs=Schema([TensorSpec(np.dtype(t), s, n or None) for n, t, s in specs]), params=params)


matrix = lambda kind: graph(("in", kind, [None, None]))
pair = lambda: graph(("x", F, [None]), ("k", F, [None]))

COLUMN_TYPES = {
    "boolean": B, "integer": I32, "long": I64, "float": F, "double": D, "string": S}
HELD = {  # columns that no graph takes: they stand beside those that it does
    "boolean": "boolean", "integer": "integer", "long": "long", "float": "float", "double": "double", "string": "string",
    "binary": "binary", "datetime": "datetime", "any": "any",
    "array of double": Array(DataType.double), "array of long": Array(DataType.long), "array of string": Array(DataType.string),
    "array of arrays": Array(Array(DataType.double)), "array of any": Array(AnyType()),
    "object": Object([Property("a", DataType.double), Property("b", DataType.string, required=False)]),
    "nested object": Object([Property("a", Object([Property("c", DataType.long)])), Property("d", Array(DataType.string), required=False)]),
    "map": Map(DataType.double), "map of arrays": Map(Array(DataType.long))}
TENSOR_TYPES = {
    "float32": F, "float64": D, "float16": T.FLOAT16, "int8": T.INT8, "uint8": T.UINT8, "int16": T.INT16, "uint16": T.UINT16,
    "int32": I32, "uint32": T.UINT32, "int64": I64, "uint64": T.UINT64, "bool": B, "object": S}

# JSON values as they are written.
TOKENS = [
    "0", "1", "-1", "7", "-0", "127", "128", "255", "256", "-129", "32768", "65536", "2147483647", "2147483648", "-2147483649", "4294967296",
    "9007199254740993", "9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616",
    "0.0", "1.0", "-0.0", "0.1", "1.5", "-1.7", "2.5", "1e3", "1E+2", "1e-7", "16777217", "123456789.123456789", "3.4028235e38", "3.5e38", "1e308", "1e400", "-1e400", "5e-324",
    "NaN", "Infinity", "-Infinity", "null", "true", "false",
    '"5"', '"5.0"', '" 5 "', '"-1"', '"1e3"', '"abc"', '""', '"NaN"', '"inf"', '"true"', '"False"', '"+1"', '".5"', '"1_000"', '"0x10"',
    '"2020-01-02"', '"2020-01-02T03:04:05"', '"2020-01-02T03:04:05Z"', '"2020-01-02 03:04:05.123456789+02:00"', '"01/02/2020"', '"2020"', '"AQI="', '"AQI"', '"\\u017c\\u00f3\\u0142w \\ud83d\\ude00"', '"żółw\\n\\"q\\" 😀"',
    "[]", "[1]", "[1, 2]", "[1.5, null]", '["a"]', "[[1, 2], [3]]", "{}", '{"a": 1}', '{"a": 1.5, "b": "t"}', '{"a": 1.5, "z": 2}', '{"a": {"c": 1}}', '{"a": {"c": 1}, "d": ["t"]}', '{"a": [1]}',
]
FEW = ["0", "1", "-1.7", "2.5", "9007199254740993", "NaN", "-Infinity", "null", "true", '"5"', '"abc"', '""', '"2020-01-02"', "[1, 2]", '{"a": 1}', "{}"]

BAD_JSON = [
    "", " ", "{", "}", "[", "nul", "tru", "null", "true", "5", "-", "1.5", '"x"', "[]", "[1]", '[{"inputs": [1]}]', "{}", '{"data": [[1]]}', '{"inputs"}', '{"inputs":}', '{"inputs": [1,]}', '{"inputs": [1}',
    '{"inputs": [1]', '{"inputs": [1]]}', '{"inputs": [1]},', '{"inputs": [1]} x', "{'inputs': [1]}", '{inputs: [1]}', '{"inputs": [01]}', '{"inputs": [1.]}', '{"inputs": [.5]}', '{"inputs": [+1]}', '{"inputs": [1e]}',
    '{"inputs": [0x10]}', '{"inputs": [1 2]}', '{"inputs": ["a]}', '{"inputs": ["\\x"]}', '{"inputs": ["\\u12"]}', '{"inputs": ["\t"]}', '{"inputs": [nan]}', '{"inputs": [-NaN]}', '{"inputs": [infinity]}', '{"inputs": [True]}',
    '{"inputs": [1], "inputs": [2]}', '{"inputs": [1], "instances": [1]}', '{"inputs": [1], "dataframe_split": {"data": [[1]]}}', '{"dataframe_split": {"data": [[1]]}, "dataframe_records": []}', '{"Inputs": [1]}', '{"params": {}}',
    '/* c */ {"inputs": [1]}', '{"inputs": [1] // c\n}', '{\n "inputs": [\n  1,\n  }\n}', '\ufeff{"inputs": [1]}', '{"a" 1}', '{"a": 1 "b": 2}', '{"a": 1,}', '{,}', '[1', '[1,', '{"signature_name": "s", "inputs": [1]}', '{"żółw": "😀", "inputs": [1,]}',
]

models, cases = [], []


def model(name, onnx_model, signature):
    models.append((name, onnx_model, signature))
    return len(models) - 1


def case(m, name, body, content_type=JSON):
    if not isinstance(body, (str, bytes)):
        body = json.dumps(body, ensure_ascii=False)
    cases.append((m, name, content_type, body if isinstance(body, bytes) else body.encode()))


def split(cols, *rows):
    return '{"dataframe_split": {"columns": %s, "data": [%s]}}' % (json.dumps(cols), ", ".join("[" + r + "]" for r in rows))


def scalar_columns():
    """One column of each type that a graph takes, in every form."""
    for kind, t in COLUMN_TYPES.items():
        for need in ("", "?"):
            m = model(kind + need, matrix(t), columns(("v", kind + need)))
            for token in TOKENS if not need else FEW:
                case(m, "split " + token, split(["v"], token))
            for token in FEW:
                case(m, "records " + token, '{"dataframe_records": [{"v": %s}]}' % token)
                case(m, "inputs list " + token, '{"inputs": [%s]}' % token)
                case(m, "inputs by column " + token, '{"inputs": {"v": [%s]}}' % token)
                case(m, "inputs by column, bare " + token, '{"inputs": {"v": %s}}' % token)
                case(m, "instances " + token, '{"instances": [{"v": %s}]}' % token)
                case(m, "second row " + token, split(["v"], "1", token))
        m = model("unnamed " + kind, matrix(t), columns(("", kind), ("", kind)))
        for token in FEW:
            case(m, "split " + token, split(["p", "q"], token + ", 1"))
            case(m, "inputs rows " + token, '{"inputs": [[%s, 1]]}' % token)


def held_columns():
    """Columns that are enforced and that the graph does not take."""
    for name, kind in HELD.items():
        for need in ("", "?"):
            spec = kind + need if isinstance(kind, str) else ((kind,) if need else kind)
            m = model("held %s%s" % (name, need), pair(), columns(("x", "double"), ("k", "double"), ("v", spec)))
            for token in TOKENS if not need else FEW:
                case(m, "split " + token, split(["x", "k", "v"], "1, 2, " + token))
            case(m, "absent", split(["x", "k"], "1, 2"))
            case(m, "records, absent in one", '{"dataframe_records": [{"x": 1, "k": 2, "v": %s}, {"x": 3, "k": 4}]}' % ("1" if isinstance(kind, str) else "[1]"))
            for token in FEW:
                case(m, "records " + token, '{"dataframe_records": [{"x": 1, "k": 2, "v": %s}]}' % token)
                if not need:
                    case(m, "inputs " + token, '{"inputs": [{"x": 1, "k": 2, "v": %s}]}' % token)


def tensor_values():
    for kind, t in TENSOR_TYPES.items():
        m = model("tensor " + kind, graph(("in", t, [None])), tensors(("in", kind, (-1,))))
        for token in TOKENS if kind in ("float32", "int64", "object", "bool", "uint8") else [x for x in TOKENS if x[0] not in '"[{']:
            case(m, "inputs " + token, '{"inputs": {"in": [%s]}}' % token)
        for token in FEW:
            case(m, "instances " + token, '{"instances": [{"in": %s}]}' % token)
            case(m, "split " + token, split(["in"], token))


def tensor_shapes():
    shapes = ["1", "[]", "[1]", "[1, 2]", "[[]]", "[[1]]", "[[1, 2]]", "[[1, 2], [3, 4]]", "[[1], [2]]", "[[1, 2, 3]]", "[[[1, 2]]]", "[[[1, 2], [3, 4]]]", "[[1, 2], [3]]", "[1, [2]]", "[[1], 2]", "[[[1, 2], [3]]]", "[[1, 2], null]", '["a", [1]]', "null", '"5"', "true", "{}", "[{}]", "[null]", "[[null, 1]]"]
    for shape in [(), (-1,), (2,), (-1, 2), (2, -1), (-1, -1), (1, 2), (-1, 2, 2), (-1, 1), (-1, -1, 2)]:
        for name in ("", "in"):
            free = [d if d >= 0 else None for d in shape]
            m = model("shape %r %s" % (shape, name), graph(("in", F, free)), tensors((name, "float32", shape)))
            for token in shapes:
                case(m, "inputs " + token, '{"inputs": %s}' % token)
                case(m, "inputs by name " + token, '{"inputs": {"in": %s}}' % token)
                case(m, "instances " + token, '{"instances": %s}' % token)
            for token in ("1", "[1, 2]", "[[1, 2], [3, 4]]", "[]", "[1, 2, 3, 4]"):
                case(m, "split, one column " + token, split(["in"], token))
                case(m, "records " + token, '{"dataframe_records": [{"in": %s}]}' % token)
            case(m, "split, two columns", split(["p", "q"], "1, 2", "3, 4"))
            case(m, "split, no rows", split(["in"]))
            case(m, "csv", "in\n1\n2\n", "text/csv")
            case(m, "csv, two columns", "p,q\n1,2\n3,4\n", "text/csv")
    two = model("two tensors", graph(("a", F, [None, 2]), ("b", I64, [None])), tensors(("a", "float32", (-1, 2)), ("b", "int64", (-1,))))
    none = model("two inputs, no signature", graph(("a", F, [None, 2]), ("b", F, [None])), None)
    for m in (two, none):
        for body in ['{"inputs": {"b": [1], "a": [[1, 2]]}}', '{"inputs": {"b": [1], "a": [[1, 2]], "c": 0}}', '{"inputs": {"b": [1]}}', '{"inputs": {"c": [1]}}', '{"inputs": {}}', '{"inputs": [1]}', '{"inputs": [[1, 2]]}', '{"inputs": []}', '{"inputs": [{"a": [[1, 2]], "b": [1]}]}', '{"inputs": 1}',
                     '{"inputs": {"a": [[1, 2]], "b": [1, 2]}}', '{"inputs": {"a": [[1, 2, 3]], "b": [1]}}', '{"inputs": {"a": [1, 2], "b": 1}}', '{"inputs": {"a": [[1, 2]], "b": 1}}', '{"inputs": {"a": null, "b": [1]}}',
                     '{"instances": [{"a": [1, 2], "b": 3}]}', '{"instances": [{"a": [1, 2], "b": 3}, {"a": [4, 5], "b": 6}]}', '{"instances": [{"a": [1, 2], "b": 3}, {"a": [4, 5]}]}', '{"instances": [{"a": [1, 2], "b": 3}, {"a": [4], "b": 6}]}', '{"instances": [{"a": [1, 2]}]}', '{"instances": {"a": [[1, 2]], "b": [3]}}',
                     '{"instances": {"a": [[1, 2]], "b": [3, 4]}}', '{"instances": [{"a": [1, 2], "b": 3}, 5]}', '{"instances": [5, {"a": [1, 2], "b": 3}]}', '{"instances": []}', '{"instances": [{}]}', '{"instances": 3}', '{"instances": [{"a": [1, 2], "b": 3, "z": 0}]}',
                     '{"dataframe_split": {"columns": ["a", "b"], "data": [[[1, 2], 3], [[4, 5], 6]]}}', '{"dataframe_split": {"columns": ["b", "a"], "data": [[3, [1, 2]]]}}', '{"dataframe_split": {"columns": ["a"], "data": [[[1, 2]]]}}', '{"dataframe_split": {"columns": ["a", "b"], "data": [[[1, 2], 3], [[4], 6]]}}',
                     '{"dataframe_records": [{"a": [1, 2], "b": 3}]}', '{"dataframe_records": [{"a": [1, 2]}]}', '{"dataframe_records": [{"a": 1, "b": 3}]}', '{"dataframe_records": []}']:
            case(m, body, body)


def tables():
    """The frames of the two table forms: order, gaps, surplus, lengths, duplicates."""
    d = ("x", "double"), ("y", "double")
    kinds = {
        "xy": (matrix(F), columns(*d)), "xy double": (matrix(D), columns(*d)), "x, y optional": (matrix(D), columns(("x", "double"), ("y", "double?"), ("z", "double"))),
        "by position": (matrix(D), columns(("", "double"), ("", "double"))), "two inputs": (graph(("x", F, [None]), ("y", F, [None])), columns(*d)),
        "long": (matrix(I64), columns(("x", "long"), ("y", "long"))), "mixed": (graph(("x", S, [None]), ("y", I64, [None]), ("z", B, [None])), columns(("x", "string"), ("y", "long"), ("z", "boolean"))),
        "no signature": (matrix(D), None), "strings": (matrix(S), columns(("x", "string"), ("y", "string"))), "any": (matrix(D), columns(("", "any"))), "tensor": (matrix(F), tensors(("", "float32", (-1, 2)))),
    }
    bodies = [
        '{"dataframe_split": %s}' % b for b in [
            '{"columns": ["x", "y"], "data": [[1, 2.5], [0.1, 1e-7]]}', '{"columns": ["y", "x"], "data": [[1, 2]]}', '{"data": [[1, 2]], "columns": ["x", "y"]}', '{"data": [[1, 2]], "columns": ["y", "x"], "index": [7]}', '{"data": [[1, 2]]}', '{"data": [[1, 2, 3]]}', '{"data": [[1]]}', '{"data": [1, 2]}',
            '{"columns": ["x", "y", "z"], "data": [[1, 2, 3]]}', '{"columns": ["x", "z"], "data": [[1, 2]]}', '{"columns": ["x"], "data": [[1]]}', '{"columns": ["x"], "data": [1, 2]}', '{"columns": ["z"], "data": [[1]]}', '{"columns": [], "data": []}', '{"columns": ["x", "y"], "data": []}', '{"columns": ["x", "y"], "data": [[]]}',
            '{"columns": ["x", "y"], "data": [[1, 2, 3]]}', '{"columns": ["x", "y"], "data": [[1]]}', '{"columns": ["x", "y"], "data": [[1, 2], [3]]}', '{"columns": ["x", "y"], "data": [[1], [3]]}', '{"columns": ["x", "x"], "data": [[1, 2]]}', '{"columns": ["x", "y", "x"], "data": [[1, 2, 3]]}', '{"columns": ["x", "y", "y"], "data": [[1, 2, 3]]}',
            '{"columns": ["x", "y"], "data": [[1, null], [2, 3]]}', '{"columns": ["x", "y"], "data": [[null, null]]}', '{"columns": ["x", "y"], "data": [["1", "2"], [3, 4]]}', '{"columns": ["x", "y"], "data": [[true, false]]}', '{"columns": ["x", "y"], "data": [["a", 1, true]]}', '{"columns": ["x", "y", "z"], "data": [["a", 1, true], ["b", 2, false]]}',
            '{"columns": ["x", "y", "z"], "data": [["a", 1, null]]}', '{"columns": ["x", "y", "z"], "data": [[null, 1, true]]}', '{"columns": ["x", "y", "z"], "data": [["a", null, true]]}', '{"columns": ["x", "y", "z"], "data": [[1, "2", 0]]}', '{"columns": ["x", "y"], "data": [[[1], 2]]}', '{"columns": ["x", "y"], "data": [[{"a": 1}, 2]]}',
            '{"columns": ["x", "y"], "data": [[1, 2]], "index": [0, 1]}', '{"columns": ["x", "y"], "data": [[1, 2]], "index": ["a"]}', '{"columns": ["x", "y"], "data": [[1, 2]], "index": "a"}', '{"columns": ["x", "y"], "data": [[1, 2]], "index": null}', '{"columns": ["x", "y"], "data": [[1, 2]], "foo": 1}', '{"columns": ["x", "y"]}', '{}',
            '{"columns": null, "data": [[1, 2]]}', '{"columns": "xy", "data": [[1, 2]]}', '{"columns": 5, "data": [[1, 2]]}', '{"columns": [0, 1], "data": [[1, 2]]}', '{"columns": [["x"], ["y"]], "data": [[1, 2]]}', '{"columns": [null, "y"], "data": [[1, 2]]}', '{"columns": {"x": 1}, "data": [[1, 2]]}',
            '{"columns": ["x", "y"], "data": null}', '{"columns": ["x", "y"], "data": 5}', '{"columns": ["x", "y"], "data": "ab"}', '{"columns": ["x", "y"], "data": {"x": [1], "y": [2]}}', '{"columns": ["x", "y"], "data": [{"x": 1, "y": 2}]}', '{"data": [{"x": 1, "y": 2}]}', '{"columns": ["x", "y"], "data": [[1, 2], 5]}', '{"columns": ["x", "y"], "data": [null]}',
            "[1]", "5", "null", '"x"', "true", '[{"columns": ["x", "y"], "data": [[1, 2]]}]']] + [
        '{"dataframe_records": %s}' % b for b in [
            '[{"x": 1, "y": 2}]', '[{"y": 1, "x": 2}, {"x": 3, "y": 4}]', '[{"x": 1, "y": 2, "z": 3}]', '[{"x": "a", "y": 2, "z": true}]', '[{"x": 1}]', '[{"z": 1}]', '[{}]', "[]", '[{"x": 1, "y": 2}, {"x": 3}]', '[{"x": 1}, {"x": 2, "y": 3}]', '[{"y": 2}, {"x": 4}]', '[{"x": 1, "y": 2}, {}]', '[{}, {"x": 1, "y": 2}]', '[{"x": 1, "x": 5, "y": 2}]',
            '[{"x": null, "y": 2}]', '[{"x": "5", "y": " 6 "}]', '[{"x": "abc", "y": 2}]', '[{"x": [1], "y": 2}]', '[{"x": {"a": 1}, "y": 2}]', '[[1, 2]]', "[1, 2]", '["a"]', "[null]", '[{"x": 1, "y": 2}, 5]', '[5, {"x": 1, "y": 2}]', '[{"x": 1, "y": 2}, [3, 4]]', '{"x": 1}', "5", "null", '"x"', '[{"x": 1, "y": 2, "żółw": "😀"}]', '[{"": 1, "y": 2}]']] + [
        '{"inputs": %s}' % b for b in [
            '{"x": [1], "y": [2]}', '{"y": [1, 2], "x": [3, 4]}', '{"x": 1, "y": 2}', '{"x": [1, 2], "y": [3]}', '{"x": [1], "y": 2}', '{"x": [1]}', '{"x": [1], "y": [2], "z": [3]}', '{"x": ["a"], "y": [2], "z": [true]}', '{"x": "a", "y": "b"}', '{"x": [], "y": []}', '{"x": [[1, 2]], "y": [[3, 4]]}', '{"x": [[1], [2]], "y": [3, 4]}', '{"x": null, "y": 1}', '{"x": [null], "y": [1]}', '{"x": ["abc"], "y": [1]}', "{}",
            '[{"x": 1, "y": 2}]', '[{"x": 1, "y": 2}, {"y": 3, "x": 4}]', '[{"x": 1}]', "[[1, 2]]", "[[1, 2], [3, 4]]", "[1, 2]", "[]", "[[]]", "5", "null", '"a"', "true", '[{"x": 1, "y": 2}, 5]', '[[1, 2], {"x": 1}]', "[[1, 2], [3]]", '[["a", "b"]]', "[[1, 2, 3]]", "[[[1, 2]]]"]] + [
        '{"instances": %s}' % b for b in [
            '[{"x": 1, "y": 2}]', '[{"x": 1, "y": 2}, {"y": 3, "x": 4}]', '[{"x": 1, "y": 2}, {"x": 3}]', '[{"x": 1}, {"x": 2, "y": 3}]', '[{"x": 1, "y": 2, "z": 3}]', '[{"x": "a", "y": 2, "z": true}]', '[{}]', "[]", '{"x": [1], "y": [2]}', '{"x": [1, 2], "y": [1]}', '{"x": 1, "y": 2}', "[[1, 2]]", "[[1, 2], [3, 4]]", "[1, 2]", "5", "null", '"a"', '[{"x": [1], "y": [2]}]', '[{"x": null, "y": 2}]', '[{"x": "abc", "y": 2}]', '[{"x": 1, "y": 2}, 5]', "[[1, 2], [3]]"]]
    for name, (onnx_model, signature) in kinds.items():
        m = model("table " + name, onnx_model, signature)
        for body in bodies:
            case(m, body, body)


def csv():
    d = ("x", "double"), ("y", "double")
    kinds = {"double": (matrix(D), columns(*d)), "mixed": (graph(("x", S, [None]), ("y", I64, [None])), columns(("x", "string"), ("y", "long"))), "no signature": (matrix(D), None),
             "boolean": (matrix(B), columns(("x", "boolean"), ("y", "boolean"))), "by position": (matrix(D), columns(("", "double"), ("", "double"))), "optional": (matrix(D), columns(("x", "double"), ("y", "double?")))}
    bodies = ["", "\n", "x", "x\n", "x,y\n", "x,y\n1,2", "x,y\n1,2\n", "x,y\r\n1,2\r\n3,4\r\n", "x,y\r1,2\r", "y,x\n1,2\n", "x,y,z\n1,2,3\n", "x\n1\n", "z\n1\n", "\ufeffx,y\n1,2\n", '"x","y"\n"1","2"\n', "x,y\n1,2\n\n3,4\n\n", "x,y\n1,\n,2\n", "x,y\n1\n", "x,y\n1,2\n3\n", "x,y\n1,2,3\n", "x,y\n1,2\n1,2,3\n",
              "x,y\nNA,NaN\n", "x,y\nnull,None\n", "x,y\n-inf,inf\n", "x,y\nInfinity,-Infinity\n", "x,y\nabc,2\n", "x,y\n 1 , 2 \n", "x, y\n1, 2\n", "x,y\n1e3,1E-3\n", "x,y\n+1,-1\n", "x,y\n.5,5.\n", "x,y\n007,08\n", "x,y\ntrue,False\n", "x,y\nTRUE,0\n", "x,y\n1,0\n", "x,x\n1,2\n", "x,y,x\n1,2,3\n", "x,,y\n1,2,3\n", "x,y\n\"a,b\",2\n", 'x,y\n"a ""q"" b",2\n', 'x,y\n"a\nb",2\n',
              'x,y\n"a,2\n', 'x,y\na"b,2\n', "x;y\n1;2\n", "x\ty\n1\t2\n", "x,y\nżółw,2\n", "x,y\n9007199254740993,9223372036854775807\n", "x,y\n9223372036854775808,1\n", "x,y\n1.5,2.5\n", "x,y\n1_000,2\n", "x,y\n0x10,2\n", "x,y\n1,2\n# c\n", "# c\nx,y\n1,2\n", ",x,y\n0,1,2\n1,3,4\n", "Unnamed: 0,x,y\n0,1,2\n", "x,y\n#N/A,n/a\n", "x,y\n<NA>,2\n", " x,y\n1,2\n", "x,y \n1,2\n", "X,Y\n1,2\n", "x,y\n1,2,\n3,4,\n", "x,y\n'1','2'\n", "x,y\n\"\",2\n", "x,y\n1,2\n \n"]
    for name, (onnx_model, signature) in kinds.items():
        m = model("csv " + name, onnx_model, signature)
        for body in bodies:
            case(m, body, body, "text/csv")
        case(m, "not UTF-8", b"x,y\n\xff,2\n", "text/csv")


def envelopes():
    for name, onnx_model, signature in [("envelope tensor", graph(("in", F, [None])), tensors(("in", "float32", (-1,)))), ("envelope columns", matrix(F), columns(("x", "double"))), ("envelope free", graph(("in", D, [None])), None)]:
        m = model(name, onnx_model, signature)
        for body in BAD_JSON:
            case(m, body, body)
        for body in (b'{"inputs": ["\xff"]}', b"\xff\xfe{\x00}\x00", b'{"inputs": [1]}\x00', b'{"inputs": [1]}\xa0', b'{"inputs": ["\xed\xa0\x80"]}'):
            case(m, repr(body)[2:-1], body)
        case(m, "deep", "[" * 600 + "]" * 600)
        case(m, "long text", '{"inputs": ["' + "a" * 3000 + '"]}')
        good = '{"inputs": [1]}'
        for t in ["application/json", "application/json;charset=utf-8", "application/json; charset=utf-8", "application/json; charset=UTF-8", "application/json ; charset=utf-8", "application/json; charset=latin-1", 'application/json; charset="utf-8"', "application/json; Charset=utf-8", "application/json; charset=", "application/json;", "application/json; format=pandas-split",
                  "application/json; charset=utf-8; format=x", "application/json; charset = utf-8", "Application/JSON", "text/json", "application/x-www-form-urlencoded", "text/plain", "text/plain; charset=utf-8", "*/*", "json", "", "application/jsonx", "multipart/form-data; boundary=x", "application/json; q=1", "application/json, text/csv", "application/octet-stream"]:
            case(m, "type " + t, good, t)
        for extra in ['"client_request_id": "r"', '"usage_context": {"a": 1}', '"databricks_options": {"return_trace": true}', '"foo": [1, {"b": null}]', '"params": {"a": 1}', '"params": null', '"params": 5', '"params": []', '"extra": NaN', '"x": "\\ud800"']:
            case(m, "before: " + extra, '{%s, "inputs": [1]}' % extra)
            case(m, "behind: " + extra, '{"inputs": [1], %s}' % extra)


def params():
    scalar = {"long": (5, DataType.long), "integer": (5, DataType.integer), "double": (0.5, DataType.double), "float": (0.5, DataType.float), "string": ("s", DataType.string), "boolean": (True, DataType.boolean), "datetime": (np.datetime64("2020-01-02T03:04:05"), DataType.datetime)}
    values = ["7", "-1", "7.0", "7.5", "1e2", "2147483648", "9223372036854775808", "NaN", "Infinity", "null", "true", "false", '"a"', '"7"', '"2020-01-02"', '"2020-01-02T03:04:05"', '"yesterday"', "[]", "[7]", "[7, 8]", '["a"]', "[7.5]", "[null]", "[[7]]", "[true]", "{}", '{"a": 1}']
    for name, (default, kind) in scalar.items():
        listed = [default] if name != "datetime" else [default]
        for shape in (None, (-1,)):
            schema = ParamSchema([ParamSpec("k", kind, default if shape is None else listed, shape)])
            m = model("param %s %s" % (name, shape), graph(("in", F, [None])), tensors(("in", "float32", (-1,)), params=schema))
            for v in values:
                case(m, "k = " + v, '{"inputs": [1], "params": {"k": %s}}' % v)
    obj = ParamSchema([ParamSpec("k", Object([Property("a", DataType.long)]), {"a": 1}, None), ParamSpec("n", DataType.double, None)])
    m = model("param object", graph(("in", F, [None])), tensors(("in", "float32", (-1,)), params=obj))
    for v in values:
        case(m, "k = " + v, '{"inputs": [1], "params": {"k": %s}}' % v)
    several = ParamSchema([ParamSpec("k", DataType.long, 5), ParamSpec("n", DataType.string, "s"), ParamSpec("z", DataType.double, [1.0, 2.0], (-1,))])
    m = model("params", matrix(F), columns(("x", "double"), params=several))
    for p in ["{}", "null", "5", "[]", '"a"', "true", '{"k": 7}', '{"k": "a"}', '{"k": 7, "n": "t", "z": [1, 2.5]}', '{"other": 1}', '{"k": "a", "other": 1}', '{"z": 1}', '{"z": ["a"]}', '{"K": 7}', '{"k": 7, "k": "a"}']:
        for form in ('"inputs": [1]', '"dataframe_split": {"columns": ["x"], "data": [[1]]}', '"dataframe_records": [{"x": 1}]', '"instances": [{"x": 1}]'):
            case(m, form + " " + p, '{%s, "params": %s}' % (form, p))
    case(m, "params before", '{"params": {"k": "a"}, "inputs": [1]}')
    case(m, "params and a wrong column", '{"inputs": {"y": [1]}, "params": {"k": "a"}}')
    case(m, "csv", "x\n1\n", "text/csv")


async def ask(app, content_type, body):
    sent = []

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": "/invocations", "raw_path": b"/invocations", "query_string": b"", "root_path": "", "scheme": "http",
             "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1), "headers": [(b"content-type", content_type.encode())]}
    try:
        await app(scope, receive, send)
    except Exception:
        pass  # the server has answered 500 by then
    return sent[0]["status"], b"".join(m.get("body", b"") for m in sent[1:])


def plain(text):
    """Addresses and files of the recording machine are nobody's business."""
    return re.sub(r"0x[0-9a-f]{8,}", "0x0", text)


def record():
    folder = tempfile.mkdtemp()
    out_models, out_cases = [], []
    for i, (name, onnx_model, signature) in enumerate(models):
        path = os.path.join(folder, str(i))
        mlflow.onnx.save_model(onnx_model, path, signature=signature, pip_requirements=[])
        served = mlflow.pyfunc.load_model(path)
        app = scoring_server.init(served)
        text = served.metadata.signature.to_dict() if signature else None
        out_models.append({"name": name, "inputs": [
            {"name": x.name, "type": x.type.tensor_type.elem_type, "shape": [d.dim_value if d.HasField("dim_value") else -1 for d in x.type.tensor_type.shape.dim]} for x in onnx_model.graph.input],
            "signature": {k: text.get(k) for k in ("inputs", "params")} if text else None})
        for m, case_name, content_type, body in cases:
            if m != i:
                continue
            status, answer = asyncio.run(ask(app, content_type, body))
            c = {"m": m, "n": case_name, "s": status}
            if content_type != JSON:
                c["t"] = content_type
            try:
                text = body.decode()
                if text != case_name:
                    c["b"] = text
            except UnicodeDecodeError:
                c["x"] = base64.b64encode(body).decode()
            answer = answer.decode()
            if status >= 400 and answer.startswith("{"):
                e = json.loads(answer)
                c["e"] = e["error_code"]
                c["r"] = plain(e["message"])
                cause = (e.get("stack_trace") or "").strip().splitlines()
                if cause:
                    c["c"] = plain(cause[-1])[:400]
            else:
                c["r"] = answer
            out_cases.append(c)
        shutil.rmtree(path)
    shutil.rmtree(folder)
    return {"source": "MLflow %s, ONNX Runtime %s, pandas %s, numpy %s, Python %s" % (mlflow.__version__, onnxruntime.__version__, pandas.__version__, np.__version__, sys.version.split()[0]),
            "models": out_models, "cases": out_cases}


if __name__ == "__main__":
    for part in (scalar_columns, held_columns, tensor_values, tensor_shapes, tables, csv, envelopes, params):
        part()
    recorded = record()
    raw = json.dumps(recorded, ensure_ascii=False, separators=(",", ":")).encode()
    with open(sys.argv[1], "wb") as f:
        f.write(gzip.compress(raw, 9, mtime=0))
    by_status = {}
    for c in recorded["cases"]:
        by_status[c["s"]] = by_status.get(c["s"], 0) + 1
    print("%d requests to %d models: %s" % (len(recorded["cases"]), len(models), by_status))
