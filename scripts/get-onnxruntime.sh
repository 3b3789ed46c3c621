#!/bin/sh
# Fetches ONNX Runtime's shared library into .onnxruntime/ and checks its SHA-256.
#
# The library comes out of the npm package onnxruntime-node, which Microsoft publishes with
# the same build as their releases. The package is about 110 MB because it holds every
# platform; one file of 46 MB is kept. Nothing is fetched where the right file is there.
#
#   SERVERY_ONNXRUNTIME_PACKAGE=onnxruntime-node-1.30.0.tgz   use this package, no network
#
# The digests are also in engine/runtime/ortlib/digests.go; a test holds the two together.
set -eu

version=1.30.0
package=onnxruntime-node@$version
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
destination=$root/.onnxruntime

die() {
	printf 'get-onnxruntime: %s\n' "$*" >&2
	exit 1
}

# library, member and digest of this platform
case $(uname -s)/$(uname -m) in
Linux/x86_64 | Linux/amd64)
	library=libonnxruntime.so.1
	member=package/bin/napi-v6/linux/x64/$library
	digest=ffb75a925ba05e47b235bb66e3e3911714a80b328a9c9425539feb204aa32a23
	;;
*)
	die "Servery has checked ONNX Runtime $version on Linux x86-64 only, this is $(uname -s) $(uname -m).
There is no digest to check a library of this platform against, so none is fetched.
Put your own build of ONNX Runtime $version somewhere and set SERVERY_ONNXRUNTIME to the path of its library."
	;;
esac

if command -v sha256sum >/dev/null 2>&1; then
	sha256() { sha256sum "$1" | cut -d ' ' -f 1; }
elif command -v shasum >/dev/null 2>&1; then
	sha256() { shasum -a 256 "$1" | cut -d ' ' -f 1; }
else
	die "neither sha256sum nor shasum is installed, so the library could not be checked. Install coreutils."
fi

target=$destination/$library
if [ -f "$target" ]; then
	[ "$(sha256 "$target")" = "$digest" ] && exit 0
	echo "get-onnxruntime: $target is not ONNX Runtime $version as published; fetching it again" >&2
fi

mkdir -p "$destination" || die "cannot create $destination"
# Beside the target, so that the last step is a rename on one file system.
work=$(mktemp -d "$destination/fetch.XXXXXX") || die "cannot write in $destination"
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' HUP TERM

archive=${SERVERY_ONNXRUNTIME_PACKAGE:-}
if [ -n "$archive" ]; then
	[ -f "$archive" ] || die "SERVERY_ONNXRUNTIME_PACKAGE is $archive, and there is no such file"
else
	command -v npm >/dev/null 2>&1 || die "npm is not installed; it fetches the package $package.
Install it (Debian: apt install npm; Fedora: dnf install npm), then run this again.
Or fetch onnxruntime-node-$version.tgz on another machine and run this with SERVERY_ONNXRUNTIME_PACKAGE=<its path>."
	echo "get-onnxruntime: fetching $package (about 110 MB)"
	(cd "$work" && npm pack --silent "$package" >pack.out 2>pack.err) || {
		sed 's/^/  /' "$work/pack.err" "$work/pack.out" >&2
		die "npm could not fetch $package. Check the network and npm's registry (npm config get registry), then run this again."
	}
	archive=
	for f in "$work"/*.tgz; do archive=$f; done
	[ -f "$archive" ] || die "npm pack $package reported success but left no package"
fi

tar -xzf "$archive" -C "$work" "$member" 2>"$work/tar.err" || {
	sed 's/^/  /' "$work/tar.err" >&2
	die "$member could not be taken out of $archive (a broken download, or a full disk)"
}
got=$(sha256 "$work/$member")
[ "$got" = "$digest" ] || die "$library has the wrong SHA-256 and was not installed:
  expected $digest
  got      $got"
chmod 755 "$work/$member"
mv -f "$work/$member" "$target" || die "cannot write $target"
echo "get-onnxruntime: ONNX Runtime $version is in $target"
