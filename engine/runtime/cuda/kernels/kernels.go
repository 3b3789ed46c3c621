// Package kernels holds the device code: PTX that clang made of source/ and that the driver
// compiles for the card, and the structures that its kernels take. `make cuda-kernels` makes the
// PTX again; a test compares it with what is committed. The package knows no driver.
//
// Every kernel takes one structure by value. The structures here have the layout of those of the
// same name in source/.
package kernels

import (
	"bytes"
	"embed"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

//go:embed *.ptx
var files embed.FS

// Module is a file of device code.
type Module struct {
	Name string // product_tf32
	PTX  []byte
	// Capability is the least compute capability that takes it: 60 or 80.
	Capability int
	// Entries are its kernels, with the bytes of the structure that each takes.
	Entries map[string]int
}

var entry = regexp.MustCompile(`\.entry\s+(\w+)\s*\(\s*\.param\s+\.align\s+\d+\s+\.b8\s+\w+\[(\d+)\]\s*\)`)
var target = regexp.MustCompile(`\.target\s+sm_(\d+)`)

// Modules lists all device code.
var Modules = sync.OnceValue(func() []Module {
	found, err := files.ReadDir(".")
	if err != nil {
		panic(err)
	}
	var modules []Module
	for _, f := range found {
		ptx, err := files.ReadFile(f.Name())
		if err != nil {
			panic(err)
		}
		m := Module{Name: strings.TrimSuffix(f.Name(), ".ptx"), PTX: bytes.TrimSpace(ptx), Entries: map[string]int{}}
		for _, e := range entry.FindAllSubmatch(ptx, -1) {
			m.Entries[string(e[1])], _ = strconv.Atoi(string(e[2]))
		}
		if t := target.FindSubmatch(ptx); t != nil {
			m.Capability, _ = strconv.Atoi(string(t[1]))
		}
		modules = append(modules, m)
	}
	return modules
})

var owners = sync.OnceValue(func() map[string]*Module {
	owners := map[string]*Module{}
	modules := Modules()
	for i := range modules {
		for name := range modules[i].Entries {
			owners[name] = &modules[i]
		}
	}
	return owners
})

// Find gives the module of a kernel.
func Find(kernel string) (*Module, error) {
	if m := owners()[kernel]; m != nil {
		return m, nil
	}
	return nil, fmt.Errorf("the device code has no kernel %s", kernel)
}
