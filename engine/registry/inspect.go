package registry

import (
	"cmp"
	"errors"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"servery/engine/mlmodel"
	"servery/engine/onnx"
)

// inspect reads the artifact below root into v: the description of a folder, and the
// graph. main is the .onnx file, "" for a folder. v holds what was read until an error.
// Nothing here runs the model.
func inspect(root *os.Root, main string, v *Version) (err error) {
	// The files may be from anywhere. The readers are meant to refuse all that is broken;
	// should one panic, the file is refused too, and the program goes on.
	defer func() {
		if r := recover(); r != nil {
			err = refuse("The model cannot be read: reading it failed in an unexpected way (%v).", r)
		}
	}()
	v.Flavor, v.ModelFile = "onnx", main
	var folder *mlmodel.Folder
	if main == "" {
		if folder, err = mlmodel.Read(root); err != nil {
			v.Flavor = ""
			return err
		}
		v.Flavor, v.ModelFile, v.RunID = folder.Flavor, folder.ModelFile, cmp.Or(folder.RunID, v.RunID)
	}
	m, err := onnx.CheckFile(root, v.ModelFile)
	if err != nil {
		return err
	}
	v.Graph = graphOf(m)
	if folder != nil {
		v.Signature, v.InputExample = folder.Signature, folder.Example
	}
	if v.Signature == nil {
		v.Signature, v.FromGraph = mlmodel.FromPorts(m.Inputs, m.Outputs), true
	}
	return nil
}

// withExample gives a version a request to send: its folder's own, else the one that came
// with the import, else zeros of the right form.
func withExample(v *Version, given []byte) {
	if v.InputExample == nil {
		v.InputExample = given
	}
	if v.InputExample == nil {
		v.InputExample = mlmodel.ExampleFor(v.Signature, v.Graph.Inputs)
	}
}

func graphOf(m *onnx.Model) *Graph {
	g := &Graph{Inputs: m.Inputs, Outputs: m.Outputs, Opsets: m.Opsets, Producer: m.Producer, IRVersion: m.IRVersion,
		Nodes: m.Nodes, Parameters: m.Parameters}
	for _, o := range m.Operators {
		g.Operators = append(g.Operators, OperatorCount(o))
	}
	return g
}

// verdict tells an error that is a model's own fault from one of reading it.
func verdict(err error) bool {
	var (
		graph       *onnx.FormatError
		operators   *onnx.UnsupportedError
		location    *onnx.UnsafeError
		description *mlmodel.FormatError
		flavor      *mlmodel.UnsupportedError
		escape      *mlmodel.UnsafeError
		refused     *refusal
	)
	return errors.As(err, &graph) || errors.As(err, &operators) || errors.As(err, &location) || errors.As(err, &description) ||
		errors.As(err, &flavor) || errors.As(err, &escape) || errors.As(err, &refused)
}

// maxReason bounds a reason in bytes: names in a hostile file are part of it.
const maxReason = 2000

// sentence writes an error as a sentence.
func sentence(err error) string {
	s := strings.ToValidUTF8(err.Error(), "�")
	s = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return ' '
		}
		return c
	}, s)
	if len(s) > maxReason {
		s = strings.ToValidUTF8(s[:maxReason], "") + " …"
	}
	first, n := utf8.DecodeRuneInString(s)
	s = string(unicode.ToUpper(first)) + s[n:]
	if !strings.HasSuffix(s, ".") && !strings.HasSuffix(s, "…") {
		s += "."
	}
	return s
}

// tooMuch is the reason of a model that says more of itself than is kept in memory.
func tooMuch(described int) error {
	return refuse("The names of the model's inputs, outputs and operators take %s, more than the %s that a model may have.",
		bytesText(int64(described)), bytesText(maxDescribed))
}
