package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
)

// upload imports a model file through REST.
func (p *program) upload(path, name string) {
	p.t.Helper()
	if _, err := p.tryUpload(path, name); err != nil {
		p.t.Fatal(err)
	}
}

// tryUpload returns the number of the new version, or why there is none.
func (p *program) tryUpload(path, name string) (int, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	form.WriteField("name", name)
	part, err := form.CreateFormFile("files", filepath.Base(path))
	if err != nil {
		return 0, err
	}
	part.Write(content)
	form.Close()
	req, err := http.NewRequest("POST", p.url+"/api/2.0/servery/models/import", &body)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
	req.Header.Set("Content-Type", form.FormDataContentType())
	res, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err
	}
	var version struct{ Version int }
	if err := json.Unmarshal(text, &version); err != nil || res.StatusCode != http.StatusOK || version.Version == 0 {
		return 0, fmt.Errorf("import of %s: status %d %s", path, res.StatusCode, text)
	}
	return version.Version, nil
}
