#!/bin/sh
# Installs the Debian packages that Servery needs, and only those that are missing.
# usage: install-deps.sh build|test
#   build  to compile and run the window (X11 and Wayland headers, GL, npm for ONNX Runtime)
#   test   those, and what the end-to-end stories use (Xvfb, xdotool, ImageMagick)
set -eu

build="gcc g++ libc6-dev pkg-config libgl1-mesa-dev libx11-dev libxcursor-dev libxrandr-dev
libxinerama-dev libxi-dev libxxf86vm-dev libwayland-dev libxkbcommon-dev libgl1 libgl1-mesa-dri"
test="xvfb xdotool x11-utils imagemagick fonts-noto-cjk"

case "${1:-build}" in
build) wanted=$build ;;
test) wanted="$build $test" ;;
*)
	echo "usage: $0 build|test" >&2
	exit 2
	;;
esac

# npm may come from anywhere (nodesource, nvm): only its absence asks for Debian's.
command -v npm >/dev/null 2>&1 || wanted="$wanted npm"

if ! command -v dpkg-query >/dev/null 2>&1; then
	echo "This is not a Debian system: install the equivalents of these packages by hand:" >&2
	echo $wanted >&2
	exit 0
fi

missing=
for p in $wanted; do
	dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0

sudo=
if [ "$(id -u)" != 0 ]; then
	if ! command -v sudo >/dev/null 2>&1; then
		echo "These packages are missing; install them as root:$missing" >&2
		exit 1
	fi
	sudo=sudo
fi
echo "Installing:$missing"
$sudo apt-get update -q
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing
