package create

import (
	"strings"
	"testing"
)

func TestASuggestedNameIsAllowedAndFree(t *testing.T) {
	taken := map[string]bool{"digits": true, "digits-2": true}
	for model, want := range map[string]string{
		"main.default.digits": "digits-3", "a.b.my model!": "my-model-", "a.b." + strings.Repeat("x", 90): strings.Repeat("x", 58),
	} {
		if got := suggestName(model, func(n string) bool { return taken[n] }); got != want {
			t.Errorf("%s: got %s, want %s", model, got, want)
		}
	}
}
