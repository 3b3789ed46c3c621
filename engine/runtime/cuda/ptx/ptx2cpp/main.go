// Ptx2cpp translates PTX files to one file of C++: see package ptx.
//
//	ptx2cpp -o kernels.cpp FILE.ptx...
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"

	"servery/engine/runtime/cuda/ptx"
)

func main() {
	out := flag.String("o", "", "the file to write")
	flag.Parse()
	if err := run(*out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "ptx2cpp:", err)
		os.Exit(1)
	}
}

func run(out string, files []string) error {
	if out == "" || len(files) == 0 {
		return fmt.Errorf("usage: ptx2cpp -o FILE.cpp FILE.ptx...")
	}
	var code bytes.Buffer
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		m, err := ptx.Parse(text)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if err := m.Translate(&code); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return os.WriteFile(out, code.Bytes(), 0o644)
}
