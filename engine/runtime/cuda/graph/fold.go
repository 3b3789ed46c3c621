package graph

import "servery/engine/tensor"

// fold gives the node's outputs their constants if all its inputs are constants and an
// evaluator knows the operator; otherwise the node is one of the graph's.
func (r *resolver) fold(c *call) {
	known := true
	for _, v := range c.Outputs {
		known = known && (v == nil || v.Constant != nil)
	}
	if !known && !r.evaluate(c) {
		r.nodes = append(r.nodes, c.Node)
		return
	}
	if !c.static {
		return
	}
	all := r.model.constants(c.key, func() []*tensor.Tensor {
		all := make([]*tensor.Tensor, len(c.Outputs))
		for k, v := range c.Outputs {
			if v != nil {
				all[k] = v.Constant
			}
		}
		return all
	})
	for k, v := range c.Outputs {
		if v != nil {
			v.Constant, r.static[v] = all[k], true
		}
	}
}

// evaluate computes a node on the host. It answers whether it did.
func (r *resolver) evaluate(c *call) bool {
	evaluator, ok := evaluators[c.Op]
	if !ok {
		return false
	}
	for _, v := range c.Inputs {
		if v != nil && (v.Constant == nil || v.Type.Size() == 0) {
			return false
		}
	}
	if c.static && r.recall(c) {
		return true
	}
	if !r.affordable(c) {
		return false
	}
	all := evaluator(c.Node)
	if all == nil {
		return false
	}
	for k, v := range c.Outputs {
		if v != nil {
			v.Constant = all[k]
		}
	}
	return true
}

// recall takes the constants that another Resolve found.
func (r *resolver) recall(c *call) bool {
	r.model.mu.Lock()
	all, ok := r.model.folded[c.key]
	r.model.mu.Unlock()
	for k, v := range c.Outputs {
		ok = ok && (v == nil || all[k] != nil)
	}
	if !ok {
		return false
	}
	for k, v := range c.Outputs {
		if v != nil {
			v.Constant = all[k]
		}
	}
	return true
}

// affordable takes the bytes of the inputs and outputs from what may be read and folded, if
// they are there.
func (r *resolver) affordable(c *call) bool {
	folded, read, limit := int64(0), int64(0), r.model.limits
	for _, v := range c.Outputs {
		if v == nil {
			continue
		}
		bytes := v.Elements() * int64(v.Type.Size())
		if v.Type.Size() == 0 || bytes > limit.folded {
			return false
		}
		folded += bytes
	}
	for _, v := range c.Inputs {
		if v == nil {
			continue
		}
		bytes := v.Elements() * int64(v.Type.Size())
		if bytes > limit.read {
			return false
		}
		read += bytes
	}
	if folded > limit.foldedAll-r.folded || read > limit.readAll-r.read {
		return false
	}
	r.folded += folded
	r.read += read
	return true
}
