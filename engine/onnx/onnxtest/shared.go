package onnxtest

import (
	"os"
	"path/filepath"
	"testing"
)

// ModelsFolder is where the models lie that all tests share: in the folder that SERVERY_SHARED
// names, else in one beside the repository, whose root is given from the test's package.
func ModelsFolder(root string) string {
	shared := os.Getenv("SERVERY_SHARED")
	if shared == "" {
		shared = filepath.Join(root, "..", "shared")
	}
	return filepath.Join(shared, "models")
}

// SharedModels is ModelsFolder, or ends the test where it is missing.
func SharedModels(t testing.TB, root string) string {
	t.Helper()
	models := ModelsFolder(root)
	if _, err := os.Stat(models); err != nil {
		t.Fatalf("the shared models are missing: set SERVERY_SHARED to the folder that holds models/ (%v)", err)
	}
	return models
}
