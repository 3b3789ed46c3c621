"""MLflow's own scoring server, a process a core.
usage: mlflow_server.py MODEL.onnx COLUMNS (0: a tensor signature of the model's input)"""

import os
import socket
import sys
import tempfile

import uvicorn

if __name__ == "__main__":
    import mlflow.onnx
    import onnx
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    columns = int(sys.argv[2])
    folder = os.path.join(tempfile.mkdtemp(), "model")
    signature = None
    if columns:
        signature = ModelSignature(
            inputs=Schema([ColSpec(DataType.float, chr(ord("a") + i)) for i in range(columns)]),
        )
    mlflow.onnx.save_model(onnx.load(sys.argv[1]), folder, signature=signature)
    os.environ["PEER_MODEL"] = folder
    os.environ["PYTHONPATH"] = os.path.dirname(os.path.abspath(__file__))
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    print(f"127.0.0.1:{port}", flush=True)
    uvicorn.run("mlflow_server:app", host="127.0.0.1", port=port, workers=os.cpu_count(), log_level="error")
else:
    import mlflow.pyfunc
    from mlflow.pyfunc import scoring_server

    app = scoring_server.init(mlflow.pyfunc.load_model(os.environ["PEER_MODEL"]))
