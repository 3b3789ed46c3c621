//go:build never

package main

import (
	_ "fyne.io/fyne/v2"
	_ "fyne.io/fyne/v2/app"
	_ "fyne.io/fyne/v2/test"
	_ "github.com/databricks/databricks-sdk-go"
	_ "github.com/dgraph-io/badger/v4"
	_ "github.com/shirou/gopsutil/v3/cpu"
	_ "github.com/shirou/gopsutil/v3/mem"
	_ "github.com/shirou/gopsutil/v3/disk"
	_ "github.com/shirou/gopsutil/v3/process"
	_ "golang.org/x/image/vector"
	_ "golang.org/x/sys/unix"
	_ "google.golang.org/protobuf/encoding/protowire"
	_ "gopkg.in/yaml.v3"
	_ "pgregory.net/rapid"
)
