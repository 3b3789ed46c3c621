package widgets

import (
	"testing"

	"servery/engine/mlmodel"
	"servery/engine/registry"
	"servery/engine/tensor"
)

func TestASignatureInALine(t *testing.T) {
	column := func(name string, ty mlmodel.ColumnType) mlmodel.Column {
		return mlmodel.Column{Name: name, Type: ty, Required: true}
	}
	many := make([]mlmodel.Column, 18)
	for i := range many {
		many[i] = column("c", mlmodel.Double)
	}
	tensors := func(name string, shape ...int64) *mlmodel.Schema {
		return &mlmodel.Schema{Tensors: []mlmodel.TensorSpec{{Name: name, Type: tensor.Float32, Shape: shape}}}
	}
	cases := []struct {
		v    registry.Version
		want string
	}{
		{registry.Version{}, "no signature"},
		{registry.Version{Signature: &mlmodel.Signature{Inputs: tensors("x", -1, 64), Outputs: tensors("", -1, 1)}}, "x float32[-1, 64] → — float32[-1, 1]"},
		{registry.Version{Signature: &mlmodel.Signature{Inputs: &mlmodel.Schema{Columns: many}, Outputs: &mlmodel.Schema{Columns: []mlmodel.Column{column("click", mlmodel.Double)}}}}, "18 columns → click double"},
		{registry.Version{Signature: &mlmodel.Signature{Inputs: tensors("x", 1)}}, "x float32[1] → anything"},
		{registry.Version{Graph: &registry.Graph{Inputs: []tensor.Port{{Name: "x", Type: tensor.Int64, Unranked: true}},
			Outputs: []tensor.Port{{Name: "p", Kind: tensor.KindSequence, OfMaps: true, Key: tensor.Int64, Type: tensor.Float32}}}}, "x int64 → p list of maps of int64 to float32"},
	}
	for _, c := range cases {
		if got := SignatureSummary(c.v); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestAmounts(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1.0 k", 26000: "26.0 k", 10_400_000: "10.4 M", 7_240_000_000: "7.2 B"} {
		if got := Amount(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}
