#!/bin/sh
# Compiles the device code, engine/runtime/cuda/kernels/source/*.cu or that in the second folder given, to PTX
# in the first: by Debian's clang-19, without anything of NVIDIA's. What uses tensor cores is for compute capability 8.0 and newer, the
# rest for 6.0 and newer. PTX 7.0 is what drivers of CUDA 11.0 take.
set -eu
to=$1
source=${2:-engine/runtime/cuda/kernels/source}
command -v clang++-19 > /dev/null || { echo "clang++-19 is missing: apt install clang-19" >&2; exit 1; }
mkdir -p "$to"
for file in "$source"/*.cu; do
	name=$(basename "$file" .cu)
	case $name in
	*_tf32 | *_f16) capability=sm_80 ;;
	*) capability=sm_60 ;;
	esac
	# Errors in the code of the host's side are not looked for: there is none.
	clang++-19 -x cuda -nocudainc -nocudalib --cuda-device-only --cuda-gpu-arch=$capability --cuda-feature=+ptx70 \
		-fdeclspec -O3 -ffp-contract=fast -std=c++17 -Wall -Werror -S -o - "$file" |
		sed -E 's,[[:space:]]*//.*$,,; /^[[:space:]]*$/d' > "$to/$name.ptx.new"
	[ -s "$to/$name.ptx.new" ] || { echo "$file gives no PTX" >&2; exit 1; }
	mv "$to/$name.ptx.new" "$to/$name.ptx"
done
