package registry

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"servery/engine/onnx/onnxtest"
)

// BenchmarkModels reads the catalog as the window does, 10 times a second.
func BenchmarkModels(b *testing.B) {
	f := newFixture(b)
	source := file(b, "m.onnx", onnxtest.Add(1))
	for i := range 20 {
		f.ready(b, Import{Source: source, Name: fmt.Sprintf("a.b.m%d", i)})
	}
	for b.Loop() {
		if len(f.Models()) != 20 {
			b.Fatal("models are missing")
		}
	}
}

// BenchmarkImport copies 64 MiB of weights, hashed and synced.
func BenchmarkImport(b *testing.B) {
	f := newFixture(b)
	const size = 64 << 20
	dir := folder(b, map[string]string{"m.onnx": string(onnxtest.WithExternal(size/4, "w.bin"))})
	if err := os.WriteFile(filepath.Join(dir, "w.bin"), make([]byte, size), 0o600); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(size)
	for b.Loop() {
		v := f.ready(b, Import{Source: filepath.Join(dir, "m.onnx"), Name: "a.b.c"})
		if err := f.DeleteVersion(context.Background(), "a.b.c", v.Number); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpen starts with 100 versions.
func BenchmarkOpen(b *testing.B) {
	f := newFixture(b)
	source := file(b, "m.onnx", onnxtest.Loop())
	for i := range 100 {
		f.ready(b, Import{Source: source, Name: fmt.Sprintf("a.b.m%d", i%10)})
	}
	for b.Loop() {
		f.reopen(b)
	}
}
