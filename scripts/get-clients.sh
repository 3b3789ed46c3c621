#!/bin/sh
# Installs the clients of the conformance run into .clients, once for each state of the files
# that pin them: a Python environment, the npm packages and the Databricks CLI, which is
# built from its Go module (4 minutes on 2 cores, then cached).
set -eu
cd "$(dirname "$0")/.."
from=app/e2e/conformance
into=.clients
mkdir -p "$into"

# What was made of the pinning files is kept while their content is the same.
state() { cat "$@" | sha256sum | cut -d' ' -f1; }
fresh() { [ "$(cat "$into/$1.state" 2>/dev/null)" = "$2" ]; }

now=$(state "$from/requirements.txt" scripts/get-clients.sh)
if ! fresh python "$now"; then
	echo "Installing the Python clients (databricks-sdk, mlflow-skinny, onnx, scikit-learn)"
	rm -rf "$into/python"
	python3 -m venv "$into/python"
	"$into/python/bin/pip" install --quiet --disable-pip-version-check -r "$from/requirements.txt"
	# The documentation page's Workspace Client examples leave a name out and write an enum as
	# a string, which later versions of the SDK refuse: they run as printed up to this one.
	rm -rf "$into/python-page"
	"$into/python/bin/pip" install --quiet --disable-pip-version-check --no-deps --target "$into/python-page" databricks-sdk==0.40.0
	echo "$now" >"$into/python.state"
fi

now=$(state "$from/package.json" "$from/package-lock.json")
if ! fresh js "$now"; then
	echo "Installing the JavaScript clients (@databricks/sdk-experimental, openai)"
	rm -rf "$into/js"
	mkdir -p "$into/js"
	cp "$from/package.json" "$from/package-lock.json" "$into/js/"
	(cd "$into/js" && npm ci --ignore-scripts --no-audit --no-fund --silent)
	echo "$now" >"$into/js.state"
fi

now=$(state "$from/cli/go.mod" "$from/cli/go.sum")
if ! fresh cli "$now"; then
	echo "Building the Databricks CLI (some minutes)"
	out=$(pwd)/$into/databricks
	(cd "$from/cli" && GOFLAGS=-mod=mod go build -o "$out" github.com/databricks/cli)
	echo "$now" >"$into/cli.state"
fi
