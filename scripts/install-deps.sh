#!/bin/sh
# Installs the Debian packages that Servery needs, and only those that are missing.
# usage: install-deps.sh build|test
#   build  to compile and run the window (X11 and Wayland headers, GL, npm for ONNX Runtime)
#   test   those, and what the end-to-end stories use (Xvfb, xdotool, Python, curl), wrk for benchmarks, a keyring, ONNX's
#          own cases, and the compiler of the device code
# Both make the locale en_US.UTF-8, which ONNX Runtime's StringNormalizer insists on.
set -eu

build="gcc g++ libc6-dev pkg-config libgl1-mesa-dev libx11-dev libxcursor-dev libxrandr-dev
libxinerama-dev libxi-dev libxxf86vm-dev libwayland-dev libxkbcommon-dev libgl1 libgl1-mesa-dri"
test="xvfb xdotool libonnx-testdata python3-venv curl wrk gnome-keyring dbus clang-19"

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

# locale -a writes en_US.utf8.
has_locale() { locale -a 2>/dev/null | grep -qi '^en_US\.utf-\{0,1\}8$'; }
has_locale || wanted="$wanted locales"

if ! command -v dpkg-query >/dev/null 2>&1; then
	echo "This is not a Debian system: install the equivalents of these packages by hand:" >&2
	echo $wanted >&2
	exit 0
fi

missing=
for p in $wanted; do
	dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
if [ -z "$missing" ] && has_locale; then
	exit 0
fi

sudo=
if [ "$(id -u)" != 0 ]; then
	if ! command -v sudo >/dev/null 2>&1; then
		echo "Run this once as root: packages are missing ($missing ) or the locale en_US.UTF-8 is" >&2
		exit 1
	fi
	sudo=sudo
fi
if [ -n "$missing" ]; then
	echo "Installing:$missing"
	$sudo apt-get update -q
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing
fi
has_locale || $sudo localedef -c -i en_US -f UTF-8 en_US.UTF-8
