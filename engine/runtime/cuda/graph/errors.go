package graph

import "fmt"

// UnsupportedError says that a model is sound but that this package cannot resolve it: it has
// to run elsewhere.
type UnsupportedError struct {
	Node   string // the node's name; "" where no node is at fault
	Op     string // its operator, with its domain where that is not ONNX's own
	Reason string // the end of a sentence: "its condition is known only while the model runs"
}

// Error is a sentence for a person.
func (e *UnsupportedError) Error() string {
	if e.Op == "" {
		return "the model cannot be resolved: " + e.Reason
	}
	return fmt.Sprintf("the model cannot be resolved: the operator %s of the node %q is not supported: %s", e.Op, e.Node, e.Reason)
}

// ShapeError says that types or shapes do not fit each other: those of a node's inputs, or
// one that was given for an input of the model.
type ShapeError struct {
	Node   string // the node's name; "" for an input of the model
	Op     string // its operator, or "" for an input of the model
	Inputs string // types and shapes of the inputs: "float32[2,3], float32[4]"
	Reason string // the end of a sentence: "3 and 4 cannot be broadcast"
}

// Error is a sentence for a person.
func (e *ShapeError) Error() string {
	if e.Op == "" {
		return "the model cannot run with these inputs: " + e.Reason
	}
	return fmt.Sprintf("the model cannot run with these inputs: at %s %q, which is given %s: %s", e.Op, e.Node, e.Inputs, e.Reason)
}
