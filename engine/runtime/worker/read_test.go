package worker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"servery/engine/runtime"
)

// The runs of a tiny model are answered by the goroutine that reads. One that goes on and
// on must keep neither other requests nor its own cancel from being read.
func TestALongRequestOfATinyModelKeepsNobodyWaiting(t *testing.T) {
	for _, model := range []string{"tiny", "long"} {
		t.Run(model, func(t *testing.T) {
			dir := t.TempDir()
			r, _ := launch(t, scriptedLauncher(t), runtime.Spec{Concurrency: 3, ModelFile: model})
			pid := r.Usage().PID
			var work sync.WaitGroup
			slow := filepath.Join(dir, "slow")
			work.Go(func() { ask(t, r, "until "+slow, 201) })
			awaitFile(t, slow+".began")
			endless := filepath.Join(dir, "endless")
			ctx, cancel := context.WithCancel(t.Context())
			work.Go(func() {
				if _, err := r.Invoke(ctx, runtime.Request{Body: []byte("wait " + endless)}); !errors.Is(err, context.Canceled) {
					t.Errorf("the canceled request: %v", err)
				}
			})
			awaitFile(t, endless)
			for range 100 {
				ask(t, r, "hello", 201)
			}
			cancel()
			os.WriteFile(slow, nil, 0o600)
			work.Wait()
			// Every turn is free again.
			for range 3 {
				name := filepath.Join(t.TempDir(), "x")
				os.WriteFile(name, nil, 0o600)
				work.Go(func() { ask(t, r, "until "+name, 201) })
			}
			work.Wait()
			if r.Usage().PID != pid {
				t.Error("the process was restarted")
			}
		})
	}
}
