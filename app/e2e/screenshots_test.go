package e2e

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Every page of the real window in both looks, written to SERVERY_SCREENSHOTS (make
// screenshots sets it).
func TestScreenshots(t *testing.T) {
	dir := os.Getenv("SERVERY_SCREENSHOTS")
	if dir == "" {
		t.Skip("make screenshots takes them")
	}
	for _, look := range []string{"light", "dark"} {
		t.Run(look, func(t *testing.T) {
			s := newScreen(t)
			w := openWindow(t, s, filepath.Join(t.TempDir(), "data"), look)
			shot := func(page string) {
				t.Helper()
				w.settle()
				s.save(filepath.Join(dir, page+"-"+look+".png"))
			}
			w.find("No endpoints yet", head)
			shot("serving-empty")

			w.click("Serve handwritten digits")
			w.find("Query digits", title)
			w.find("Ready", badge)
			w.press("ctrl+Return")
			w.find("200 OK", badge)
			shot("query")

			for name, path := range map[string]string{"main.vision.ppocr_det": "vision/ch_PP-OCRv4_det_infer.onnx",
				"main.audio.silero_vad": "audio/silero_vad_v5.onnx", "main.tabular.sums": "mlflow/sum_columns", "main.tabular.forest": "tabular/sklearn_randomforest.onnx"} {
				importModel(t, w.data, shared(t, path), name)
			}
			w.create("text-detector", "main.vision.ppocr_det")
			w.create("speech", "main.audio.silero_vad")
			w.create("sums", "main.tabular.sums")
			for _, name := range []string{"text-detector", "speech", "sums"} {
				w.awaitReady(name)
			}
			w.traffic(25*time.Second, map[string]string{"sums": `{"dataframe_split":{"columns":["x","y"],"data":[[1,2]]}}`, "digits": zeros28})
			w.press("ctrl+1")
			w.find("Serving endpoints", title)
			w.find("speech", button)
			shot("serving")

			w.press("ctrl+2")
			w.find("Models", title)
			shot("models")
			w.click("Import a model")
			w.find("such as champion")
			shot("import")
			w.press("Escape")

			w.press("ctrl+n")
			w.find("Create serving endpoint", title)
			w.write("churn")
			w.click("Select a model")
			w.find("Select served entity", head)
			w.write("forest")
			w.find("1 model", small)
			shot("select")
			w.click("Confirm", button)
			w.find("Add served entity", button)
			shot("create")
			w.press("ctrl+1")
			w.find("Discard", button)
			w.click("Discard", button)

			w.click("sums", button)
			w.find("Active configuration", head)
			shot("endpoint")
			w.click("Events", button)
			shot("events")

			w.click("Permissions", button)
			w.find("Permissions: sums", head)
			shot("permissions")
			w.press("Escape")
			w.click("AI Gateway", button)
			w.click("Edit AI Gateway", button)
			w.find("Rate limits", bold)
			w.click("Add rate limit", button)
			w.find("Endpoint")
			shot("gateway")
			w.press("Escape")
			w.click("Edit endpoint", button)
			w.find("Edit sums", title)
			w.click("Add served entity", button)
			w.find("Select served entity", head)
			w.click("Confirm", button)
			w.find("2 of 10")
			shot("edit")
			w.press("ctrl+Return")
			w.find("Active configuration", head)
			w.find("Configuration", button)
			w.awaitReady("sums")
			w.click("Configuration", button)
			w.find("Replaced", badge)
			shot("configuration")
			w.click("Edit traffic")
			w.find("100 % of traffic")
			shot("traffic")
			w.press("Escape")
		})
	}
}

// traffic sends requests to endpoints for a while, one after the other each.
func (w *window) traffic(length time.Duration, bodies map[string]string) {
	var work sync.WaitGroup
	until := time.Now().Add(length)
	for name, body := range bodies {
		work.Go(func() {
			for i := 0; time.Now().Before(until); i++ {
				sent := body
				if i%97 == 0 {
					sent = `{"nothing": true}`
				}
				w.call("POST", "/serving-endpoints/"+name+"/invocations", sent, nil)
				<-time.After(time.Duration(8+i%13) * time.Millisecond)
			}
		})
	}
	work.Wait()
}
