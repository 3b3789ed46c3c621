package worker

import (
	"maps"
	"path/filepath"
	"slices"

	"servery/engine/runtime/cuda/driver"
)

// passedOn are the variables a worker gets from the engine: where libraries, temporary
// files and time zones are. Credentials, proxies and the user's home are none of its
// business: a model may be hostile.
var passedOn = []string{"LD_LIBRARY_PATH", "TMPDIR", "TZ", "TZDIR", "LOCPATH", "LOCALE_ARCHIVE", "SYSTEMROOT",
	"CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", driver.Variable, compiledCode}

// compiledCode names the folder in which NVIDIA's driver keeps device code that it has compiled,
// which takes seconds. It is in the user's home where nothing else is said.
const compiledCode = "CUDA_CACHE_PATH"

// environment is a worker's, sorted by name: a minimal one, then extra.
func environment(lookup func(string) (string, bool), extra map[string]string) []string {
	env := map[string]string{
		// Operators on text need UTF-8; a locale by name must be installed, which
		// C.UTF-8 always is.
		"LANG": "C.UTF-8",
		// What Go writes when it ends is one line in the log, not every goroutine's stack.
		"GOTRACEBACK": "none",
	}
	for _, name := range passedOn {
		if value, ok := lookup(name); ok {
			env[name] = value
		}
	}
	if home, ok := lookup("HOME"); ok && env[compiledCode] == "" {
		env[compiledCode] = filepath.Join(home, ".nv", "ComputeCache")
	}
	maps.Copy(env, extra)
	env[telemetryVariable] = "1"
	list := make([]string, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+env[name])
	}
	return list
}
