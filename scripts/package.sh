#!/bin/sh
# Makes dist/servery-VERSION-OS-ARCH.tar.xz: the program, ONNX Runtime's library, the
# licences and a desktop entry, in the layout of /usr/local (bin, lib/servery, share).
# usage: package.sh VERSION TAGS
set -eu
cd "$(dirname "$0")/.."
version=${1:?usage: package.sh VERSION TAGS}
tags=${2:?usage: package.sh VERSION TAGS}
os=$(go env GOOS) arch=$(go env GOARCH)
name=servery-$version-$os-$arch
root=build/$name

rm -rf "$root"
mkdir -p "$root/bin" "$root/lib/servery" "$root/share/applications" \
	"$root/share/icons/hicolor/256x256/apps" "$root/share/doc/servery" dist

# migrated_fynedo: no goroutine checks in the product; the tests run without it and fail on any.
go build -trimpath -ldflags "-s -w" -tags "$tags" -o "$root/bin/servery" .
cp .onnxruntime/lib* "$root/lib/servery/"
for f in .onnxruntime/LICENSE* .onnxruntime/ThirdParty*; do
	[ -f "$f" ] && cp "$f" "$root/share/doc/servery/onnxruntime-$(basename "$f")"
done
cp LICENSE README.md CHANGELOG.md SECURITY.md "$root/share/doc/servery/"
cp resources/icon.png "$root/share/icons/hicolor/256x256/apps/servery.png"
cat >"$root/share/applications/servery.desktop" <<DESKTOP
[Desktop Entry]
Type=Application
Name=Servery
GenericName=Model serving
Comment=Databricks Model Serving on your own machine
Exec=servery
Icon=servery
Terminal=false
Categories=Development;Science;
Keywords=onnx;mlflow;databricks;inference;serving;
DESKTOP

tar -C build -cJf "dist/$name.tar.xz" "$name"
echo "dist/$name.tar.xz: $(du -h "dist/$name.tar.xz" | cut -f1)"
