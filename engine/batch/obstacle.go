package batch

import (
	"fmt"

	"servery/engine/tensor"
)

// Obstacle says why a graph's rows cannot be joined, "" where nothing that it declares
// speaks against it: every input and output must have a free first dimension, and must be
// a tensor or, an output, the sequence of maps that classifiers return, one map a row.
func Obstacle(inputs, outputs []tensor.Port) string {
	for _, p := range inputs {
		if p.Optional {
			return fmt.Sprintf("the input %q may be left out", p.Name)
		}
		if text := obstacle("input", p); text != "" {
			return text
		}
	}
	for _, p := range outputs {
		if p.Kind == tensor.KindSequence && p.OfMaps {
			continue
		}
		if text := obstacle("output", p); text != "" {
			return text
		}
	}
	return ""
}

func obstacle(side string, p tensor.Port) string {
	switch {
	case p.Kind != tensor.KindTensor:
		return fmt.Sprintf("the %s %q is no tensor but %s", side, p.Name, p.TypeString())
	case p.Unranked:
		return fmt.Sprintf("the model does not state the shape of the %s %q", side, p.Name)
	case len(p.Shape) == 0:
		return fmt.Sprintf("the %s %q is a single value, without rows", side, p.Name)
	case p.Shape[0] >= 0:
		return fmt.Sprintf("the batch axis of the %s %q is fixed to %d", side, p.Name, p.Shape[0])
	}
	return ""
}

// mixing are the operators, by domain, whose results depend on all rows of a tensor at
// once in a way that a comparison of a few rows may miss: scales taken from the largest
// element, and branches and loops that all rows take together.
var mixing = map[string]string{
	"DynamicQuantizeLinear":               "it quantises all rows by their common range",
	"com.microsoft.DynamicQuantizeMatMul": "it quantises all rows by their common range",
	"com.microsoft.DynamicQuantizeLSTM":   "it quantises all rows by their common range",
	"If":                                  "all rows take the same branch",
	"Loop":                                "all rows take the same number of turns",
}

// MixesRows says why one of a graph's operators makes a row's result depend on the rows
// beside it, "" where none is known to. Operators have their domain in front, unless it is
// ONNX's own: "com.microsoft.DynamicQuantizeLSTM".
func MixesRows(operators []string) string {
	for _, o := range operators {
		if why := mixing[o]; why != "" {
			return fmt.Sprintf("the graph has the operator %s: %s", o, why)
		}
	}
	return ""
}
