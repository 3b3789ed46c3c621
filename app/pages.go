package app

import (
	"path/filepath"
	"strings"

	"servery/views/create"
	"servery/views/edit"
	"servery/views/endpoint"
	"servery/views/models"
	"servery/views/query"
	"servery/views/serving"
	"servery/views/shell"
)

// pages makes each page with the engine behind it.
func (p *program) pages() map[string]shell.Factory {
	e, asked := p.engine, query.NewHistory()
	return map[string]shell.Factory{
		shell.PageServing: func(h shell.Host, r shell.Route) shell.Page {
			return serving.New(h, r, e, serving.Actions{
				ServeSample: p.serveSample,
				Import:      func() { h.ImportModel("", nil) },
				Listen:      p.listen,
			})
		},
		shell.PageCreate:   func(h shell.Host, r shell.Route) shell.Page { return create.New(h, r, e) },
		shell.PageEdit:     func(h shell.Host, r shell.Route) shell.Page { return edit.New(h, r, e) },
		shell.PageEndpoint: func(h shell.Host, r shell.Route) shell.Page { return endpoint.New(h, r, e) },
		shell.PageQuery:    func(h shell.Host, r shell.Route) shell.Page { return query.New(h, r, e, asked) },
		shell.PageModels:   func(h shell.Host, r shell.Route) shell.Page { return models.New(h, r, e) },
	}
}

// importModel asks for a model over a page and registers it. Without done it goes to the
// model's page.
func (p *program) importModel(h shell.Host, path string, done func(fullName string, version int)) {
	if done == nil {
		done = func(fullName string, _ int) { h.Go(shell.ModelRoute(fullName)) }
	}
	models.ShowImport(h, p.engine, path, done)
}

// dropped takes files dropped on a page that takes none.
func (p *program) dropped(paths []string) {
	p.importModel(p.shell.Host(), droppedModel(paths), nil)
}

// droppedModel picks the model among files dropped together: weights are dropped beside
// the .onnx file that names them.
func droppedModel(paths []string) string {
	for _, path := range paths {
		if strings.EqualFold(filepath.Ext(path), ".onnx") {
			return path
		}
	}
	return paths[0]
}
