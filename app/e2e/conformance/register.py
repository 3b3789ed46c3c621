"""MLflow's client and the Databricks SDK register a model: catalogs, schemas, the upload of a
logged model, versions, aliases, tags, and the way back.

Takes DATABRICKS_HOST and DATABRICKS_TOKEN from the environment and prints a line an operation,
`operation<TAB>pass` or `operation<TAB>the reason why not`. The runs are kept in a folder of the
script's own: the registry alone is the server's.
"""

import hashlib
import io
import os
import sys
import tempfile
from pathlib import Path

work = tempfile.TemporaryDirectory(prefix="register-")
os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ["MLFLOW_TRACKING_URI"] = Path(work.name, "runs").as_uri()

import mlflow
import mlflow.onnx
import numpy as np
import onnx
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import BadRequest, NotFound, ResourceAlreadyExists
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.tracking import MlflowClient
from mlflow.types import Schema, TensorSpec
from onnx import TensorProto, helper

mlflow.set_registry_uri("databricks-uc")
registry = MlflowClient()
w = WorkspaceClient()

CATALOG = os.environ.get("SERVERY_REGISTER_CATALOG", "conformance")
SCHEMA = f"{CATALOG}.models"
MODEL = f"{SCHEMA}.affine"
failures = 0


def operation(name, call):
    global failures
    try:
        value = call()
    except Exception as error:  # whatever the client raises is the result
        failures += 1
        print(f"{name}\t{type(error).__name__}: {' '.join(str(error).split())[:300]}", flush=True)
        return None
    print(f"{name}\tpass", flush=True)
    return value


def check(condition, got):
    if not condition:
        raise AssertionError(f"unexpected answer {got!r}")


def refused(call, *kinds):
    try:
        got = call()
    except kinds as error:
        return error
    raise AssertionError(f"not refused, but {got!r}")


def affine(scale):
    """y = scale · x, for rows of four numbers, with weights that are not nothing."""
    weights = helper.make_tensor("w", TensorProto.FLOAT, [4], [scale] * 4)
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "w"], ["y"])],
        "affine",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 4])],
        [weights],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


ROWS = np.arange(8, dtype=np.float32).reshape(2, 4)
SIGNATURE = ModelSignature(
    inputs=Schema([TensorSpec(np.dtype("float32"), (-1, 4), "x")]),
    outputs=Schema([TensorSpec(np.dtype("float32"), (-1, 4), "y")]),
)


def catalogs():
    c = w.catalogs.create(name=CATALOG, comment="of the conformance run")
    check(c.name == CATALOG and c.owner == w.current_user.me().user_name and c.metastore_id, c)
    check(CATALOG in [c.name for c in w.catalogs.list()], "it is not listed")
    check(w.catalogs.get(CATALOG).comment == "of the conformance run", w.catalogs.get(CATALOG))
    refused(lambda: w.catalogs.create(name=CATALOG), ResourceAlreadyExists)
    refused(lambda: w.catalogs.get("none"), NotFound)


def schemas():
    s = w.schemas.create(name="models", catalog_name=CATALOG)
    check(s.full_name == SCHEMA and s.schema_id, s)
    check({s.name for s in w.schemas.list(CATALOG)} == {"default", "models"}, list(w.schemas.list(CATALOG)))
    refused(lambda: w.schemas.create(name="models", catalog_name="none"), NotFound)


def save(folder, scale, **more):
    path = Path(work.name, folder)
    mlflow.onnx.save_model(affine(scale), path, **more)
    return path


def register():
    """mlflow.register_model, of a folder that was saved before."""
    path = save("first", 2.0, signature=SIGNATURE, input_example={"x": ROWS})
    v = mlflow.register_model(str(path), MODEL, tags={"stage": "test"})
    check((v.name, str(v.version), v.status) == (MODEL, "1", "READY"), v)
    check(v.tags == {"stage": "test"}, v.tags)
    check(w.model_versions.get(MODEL, 1).status.value == "READY", w.model_versions.get(MODEL, 1))


def log_and_register():
    """mlflow.onnx.log_model(registered_model_name=…): a run is logged and its model registered."""
    with mlflow.start_run() as run:
        info = mlflow.onnx.log_model(
            affine(3.0), name="model", signature=SIGNATURE, registered_model_name=MODEL
        )
    check(str(info.registered_model_version) == "2", info.registered_model_version)
    v = registry.get_model_version(MODEL, "2")
    check(v.status == "READY" and v.run_id == run.info.run_id, v)
    return info


def signature():
    """The client refuses a model without a signature by itself, before it sends anything."""
    path = save("unsigned", 1.0)
    error = refused(lambda: mlflow.register_model(str(path), MODEL), MlflowException)
    check("signature" in str(error), error)
    check(len(registry.search_model_versions(f"name='{MODEL}'")) == 2, "a version was left")


def broken():
    """A model that cannot be served becomes a version with the reason."""
    path = save("broken", 1.0, signature=SIGNATURE)
    Path(path, "model.onnx").write_bytes(b"this is no graph")
    v = mlflow.register_model(str(path), f"{SCHEMA}.broken")
    native = os.environ.get("MLFLOW_ENABLE_UC_NATIVE_MODEL_REGISTRY")  # whose client drops the reason
    check(v.status == "FAILED_REGISTRATION" and (v.status_message or native), v)
    registry.delete_registered_model(f"{SCHEMA}.broken")


def models():
    m = registry.get_registered_model(MODEL)
    check(m.name == MODEL, m)
    check(registry.update_registered_model(MODEL, "rows times a number").description == "rows times a number", m)
    check([m.name for m in registry.search_registered_models() if m.name == MODEL] == [MODEL], "it is not found")
    refused(lambda: registry.create_registered_model(MODEL), MlflowException)
    error = refused(lambda: registry.create_registered_model("two.parts"), MlflowException)
    check("three levels" in str(error), error)
    registry.set_registered_model_tag(MODEL, "team", "a")
    check(registry.get_registered_model(MODEL).tags == {"team": "a"}, registry.get_registered_model(MODEL).tags)
    registry.delete_registered_model_tag(MODEL, "team")
    listed = list(w.registered_models.list(catalog_name=CATALOG, schema_name="models", max_results=1))
    check([m.full_name for m in listed] == [MODEL], listed)
    check(w.registered_models.get(MODEL).comment == "rows times a number", w.registered_models.get(MODEL))


def versions():
    found = registry.search_model_versions(f"name='{MODEL}'")
    check([str(v.version) for v in found] == ["2", "1"], found)
    check([v.version for v in w.model_versions.list(MODEL, max_results=1)] == [2, 1], "the pages")
    check(registry.update_model_version(MODEL, "1", "the first").description == "the first", "a comment")
    registry.set_model_version_tag(MODEL, "1", "checked", "yes")
    check(registry.get_model_version(MODEL, "1").tags == {"stage": "test", "checked": "yes"}, "tags")
    registry.delete_model_version_tag(MODEL, "1", "checked")
    check(registry.get_model_version(MODEL, "1").tags == {"stage": "test"}, "tags")


def aliases():
    registry.set_registered_model_alias(MODEL, "champion", "2")
    check(str(registry.get_model_version_by_alias(MODEL, "champion").version) == "2", "MLflow's")
    check(w.model_versions.get_by_alias(MODEL, "champion").version == 2, "the SDK's")
    check(registry.get_model_version(MODEL, "2").aliases == ["champion"], registry.get_model_version(MODEL, "2"))
    w.registered_models.set_alias(MODEL, "champion", 1)
    check(str(registry.get_model_version_by_alias(MODEL, "champion").version) == "1", "moved")
    registry.delete_registered_model_alias(MODEL, "champion")
    refused(lambda: registry.get_model_version_by_alias(MODEL, "champion"), MlflowException)


def digests(folder):
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in Path(folder).rglob("*") if p.is_file()
    }


def download():
    """What comes back is what was sent, to the byte."""
    sent = digests(Path(work.name, "first"))
    got = digests(mlflow.artifacts.download_artifacts(f"models:/{MODEL}/1", dst_path=str(Path(work.name, "back"))))
    got.pop("registered_model_meta", None)  # of MLflow's client, beside the files
    check(got == sent, (sorted(sent), sorted(got)))


def load():
    import onnxruntime

    registry.set_registered_model_alias(MODEL, "champion", "2")
    for uri, scale in [(f"models:/{MODEL}/1", 2.0), (f"models:/{MODEL}@champion", 3.0)]:
        model = mlflow.onnx.load_model(uri)
        onnx.checker.check_model(model)
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        check(np.array_equal(session.run(None, {"x": ROWS})[0], ROWS * scale), uri)


def files():
    """The Files API of the Python SDK."""
    base = f"/Models/{CATALOG}/models/affine/1"
    names = [e.name for e in w.files.list_directory_contents(base)]
    check("MLmodel" in names and "model.onnx" in names, names)
    sent = Path(work.name, "first", "model.onnx").read_bytes()
    check(w.files.download(f"{base}/model.onnx").contents.read() == sent, "the bytes")
    check(w.files.get_metadata(f"{base}/model.onnx").content_length == len(sent), "the length")
    w.files.get_directory_metadata(base)
    refused(lambda: w.files.get_directory_metadata(f"{base}/none"), NotFound)
    refused(lambda: w.files.download(f"{base}/none").contents.read(), NotFound)
    refused(lambda: w.files.upload(f"{base}/model.onnx", io.BytesIO(b"x"), overwrite=True), BadRequest)


def rename():
    registry.rename_registered_model(MODEL, f"{SCHEMA}.renamed")
    refused(lambda: registry.get_registered_model(MODEL), MlflowException)
    check(registry.get_model_version(f"{SCHEMA}.renamed", "1").status == "READY", "its versions")
    registry.rename_registered_model(f"{SCHEMA}.renamed", MODEL)


def delete():
    registry.delete_model_version(MODEL, "1")
    refused(lambda: registry.get_model_version(MODEL, "1"), MlflowException)
    registry.delete_registered_model(MODEL)
    refused(lambda: w.registered_models.get(MODEL), NotFound)
    w.schemas.delete(SCHEMA)
    w.catalogs.delete(CATALOG)
    refused(lambda: w.catalogs.get(CATALOG), NotFound)


operation("catalogs", catalogs)
operation("schemas", schemas)
operation("register", register)
operation("log and register", log_and_register)
operation("no signature", signature)
operation("broken model", broken)
operation("models", models)
operation("versions", versions)
operation("aliases", aliases)
operation("download", download)
operation("load", load)
operation("files", files)
operation("rename", rename)
operation("delete", delete)
work.cleanup()
sys.exit(1 if failures else 0)
