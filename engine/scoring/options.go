package scoring

import (
	"fmt"
	"strings"
)

// Options are a served entity's choices of how answers are written. The zero value is
// what every JSON reader takes.
type Options struct {
	// FaithfulNaN writes NaN, Infinity and -Infinity as MLflow does, as bare words, which
	// JSON does not have. Else they are null.
	FaithfulNaN bool
	// WrapOutputs puts the object of outputs that a request of tensors is answered with into
	// a list of one: {"predictions": [{"y": …}]}. The product's CLI and its SDK for Go read
	// predictions as a list and fail on an object.
	WrapOutputs bool
}

// The environment variables of a served entity that set its options.
const (
	NaNVariable  = "SERVERY_NAN"          // null or faithful
	WrapVariable = "SERVERY_WRAP_OUTPUTS" // none or list
)

// ReadOptions takes the options from a served entity's environment. A variable that is
// absent or empty leaves the default.
func ReadOptions(lookup func(string) (string, bool)) (Options, error) {
	var o Options
	var err error
	if o.FaithfulNaN, err = choice(lookup, NaNVariable, "null", "faithful"); err != nil {
		return Options{}, err
	}
	if o.WrapOutputs, err = choice(lookup, WrapVariable, "none", "list"); err != nil {
		return Options{}, err
	}
	return o, nil
}

// choice tells whether a variable has the second of its two values.
func choice(lookup func(string) (string, bool), name, usual, other string) (bool, error) {
	value, _ := lookup(name)
	switch strings.ToLower(strings.TrimSpace(value)) {
	case "", usual:
		return false, nil
	case other:
		return true, nil
	}
	return false, fmt.Errorf("the environment variable %s of the served entity is %q: it takes %q, which is the default, or %q", name, excerpt([]byte(value)), usual, other)
}
