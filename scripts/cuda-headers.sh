#!/bin/sh
# Produces the header and the library that gorgonia.org/cu names, so that it compiles without
# the CUDA toolkit.
# usage: cuda-headers.sh DIR    writes DIR/include/cuda.h and DIR/lib/libcuda.a
#
# The module carries a preprocessed cuda.h of its own. It lost its macros: what cu needs of
# them is put back, above all the names with a version: cuMemAlloc is cuMemAlloc_v2 in the
# driver. The library is empty: engine/runtime/cuda/driver defines the entry points itself.
set -eu

out=${1:?usage: $0 DIR}
root=$(dirname "$0")/..
entrypoints=$root/engine/runtime/cuda/driver/entrypoints.h
module=$(cd "$root" && ${GO:-go} list -m -f '{{.Dir}}' gorgonia.org/cu)
if [ -z "$module" ]; then
	(cd "$root" && ${GO:-go} mod download gorgonia.org/cu)
	module=$(cd "$root" && ${GO:-go} list -m -f '{{.Dir}}' gorgonia.org/cu)
fi
source=$module/cmd/genlib/cuda.h
if ! grep -q '^typedef uint32_t cuuint32_t;' "$source"; then
	echo "$source is not the header of gorgonia.org/cu v0.9.6: look where the driver's types begin in the new one and change $0" >&2
	exit 1
fi

mkdir -p "$out/include" "$out/lib"
header=$out/include/cuda.h
{
	echo '#pragma once'
	echo '#include <stddef.h>'
	echo '#include <stdint.h>'
	echo '#include <stdlib.h>'
	echo '#define CUDAAPI'
	echo '#define CUDA_VERSION 10020'
	echo '#define CU_TRSF_READ_AS_INTEGER 0x01'
	echo '#define CU_TRSF_NORMALIZED_COORDINATES 0x02'
	sed -n 's/^X(\(cu[A-Za-z0-9]*\)_v\([0-9]\))$/#define \1 \1_v\2/p' "$entrypoints"
	echo '#ifdef __cplusplus'
	echo 'extern "C" {'
	echo '#endif'
	sed -n '/^typedef uint32_t cuuint32_t;/,$p' "$source"
	echo '#ifdef __cplusplus'
	echo '}'
	echo '#endif'
} >"$header.new"
# The time stays where nothing changed: make builds no more than it must.
if cmp -s "$header.new" "$header"; then rm "$header.new"; else mv "$header.new" "$header"; fi
[ -f "$out/lib/libcuda.a" ] || printf '!<arch>\n' >"$out/lib/libcuda.a"
