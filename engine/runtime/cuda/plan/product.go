package plan

import "servery/engine/runtime/cuda/graph"

// product is a matrix product or convolution with what is computed on its sums.
type product struct {
	node *graph.Node // the product itself
}

func startProduct(*graph.Node) *product { return nil }

func (f *fusion) growProduct(*product) {}

func (b *builder) lowerProduct(*product) error { return nil }
