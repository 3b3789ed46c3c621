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

// Requests that came together are answered with one write. Whatever comes last, a request
// that takes long or a cancel, no answer is kept back for it.
func TestAnswersThatAreHeldLeave(t *testing.T) {
	for name, last := range map[string]func(l *link, file string){
		"nothing follows": func(*link, string) {},
		"a long request":  func(l *link, file string) { l.put(header{Kind: kindRequest, ID: 99}, "", []byte("until "+file), true) },
		"a cancel":        func(l *link, _ string) { l.put(header{Kind: kindCancel, ID: 98}, "", nil, true) },
		"a long body":     func(l *link, _ string) { l.put(header{Kind: kindRequest, ID: 99}, "", make([]byte, shortBody+1), true) },
	} {
		t.Run(name, func(t *testing.T) {
			ours, theirs, err := socketPair()
			if err != nil {
				t.Fatal(err)
			}
			defer ours.Close()
			ended := make(chan error)
			go func() { ended <- serve(theirs, nil, &scripted{}); theirs.Close() }()
			file := filepath.Join(t.TempDir(), "file")
			ours.bound(0)
			l, frames := link{conn: ours}, newFrameReader(ours)
			l.send(header{Kind: kindOpen}, "", []byte("library"))
			l.sendJSON(kindLoad, loadOrder{})
			for range 3 { // hello, opened, loaded
				if _, err := frames.next(); err != nil {
					t.Fatal(err)
				}
			}
			for range 100 {
				const together = 2*mostHeld + 3
				for id := range uint32(together) {
					l.put(header{Kind: kindRequest, ID: 1 + id}, "", []byte("hello"), true)
				}
				last(&l, file)
				l.flush()
				for id := range uint32(together) {
					f, err := frames.next()
					if err != nil || f.ID == 99 {
						t.Fatalf("answer %d: %d, %v", 1+id, f.ID, err)
					}
				}
				if name == "nothing follows" || name == "a cancel" {
					continue
				}
				os.WriteFile(file, nil, 0o600)
				if f, err := frames.next(); err != nil || f.ID != 99 {
					t.Fatalf("the last answer: %d, %v", f.ID, err)
				}
				os.Remove(file)
			}
			ours.shutdown()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}
