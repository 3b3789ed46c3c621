package crashpoint

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Each name that stands in a call is listed, once, and each that is listed stands in one
// call: a point that nobody passes proves nothing.
func TestEachPointIsListedAndCalledOnce(t *testing.T) {
	calls := map[string]int{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			to, ok := call.Fun.(*ast.SelectorExpr)
			if of, named := any(nil), false; ok {
				of, named = to.X, to.Sel.Name == "Here"
				if id, isID := of.(*ast.Ident); named && isID && id.Name == "crashpoint" {
					name, isText := call.Args[0].(*ast.BasicLit)
					if !isText {
						t.Errorf("%s: the name of a point is not written out", path)
						return true
					}
					text, err := strconv.Unquote(name.Value)
					if err != nil {
						t.Error(err)
					}
					calls[text]++
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, n := range calls {
		if !slices.Contains(Names, name) {
			t.Errorf("%q is not listed", name)
		}
		if n > 1 {
			t.Errorf("%q is called at %d places", name, n)
		}
	}
	for _, name := range Names {
		if calls[name] == 0 {
			t.Errorf("%q is called nowhere", name)
		}
	}
}
