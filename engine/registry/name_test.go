package registry

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestANameErrorSaysWhichPartIsWrong(t *testing.T) {
	for full, want := range map[string]NameError{
		"":                 {Part: "full name", Got: "", Takes: takesFull},
		"digits":           {Part: "full name", Got: "digits", Takes: takesFull},
		"main.default":     {Part: "full name", Got: "main.default", Takes: takesFull},
		"a.b.c.d":          {Part: "full name", Got: "a.b.c.d", Takes: takesFull},
		".b.c":             {Part: "catalog", Got: "", Takes: takesPart},
		"a/b.c.d":          {Part: "catalog", Got: "a/b", Takes: takesPart},
		"a..c":             {Part: "schema", Got: "", Takes: takesPart},
		`a.b\.c`:           {Part: "schema", Got: `b\`, Takes: takesPart},
		"a.b.c d":          {Part: "model", Got: "c d", Takes: takesPart},
		"a.b.ż":            {Part: "model", Got: "ż", Takes: takesPart},
		"a.b.\u212a":       {Part: "model", Got: "\u212a", Takes: takesPart}, // the Kelvin sign, whose lower case is k
		"a.b.c\x00":        {Part: "model", Got: "c\x00", Takes: takesPart},
		"a.b.CON:":         {Part: "model", Got: "CON:", Takes: takesPart},
		"a.b." + long(256): {Part: "model", Got: long(256), Takes: takesPart},
	} {
		_, err := ParseName(full)
		var got *NameError
		if !errors.As(err, &got) || *got != want {
			t.Errorf("%q: got %+v, want %+v", full, got, want)
		} else if s := got.Error(); !strings.Contains(s, got.Part) || !strings.HasSuffix(s, ".") {
			t.Errorf("%q: %s", full, s)
		}
	}
}

func long(n int) string { return strings.Repeat("n", n) }

func TestNamesAreKeptInLowerCase(t *testing.T) {
	got, err := ParseName("Main.DEFAULT.Digits_2-b")
	if want := (Name{"main", "default", "digits_2-b"}); err != nil || got != want {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestAliasesThatStandForVersionsAreRefused(t *testing.T) {
	for _, alias := range []string{"", "1", "42", "v1", "V22", "latest", "Latest", "a b", "a.b", "ż", "a/b", "@a", long(256)} {
		_, err := ParseAlias(alias)
		var got *NameError
		if !errors.As(err, &got) || got.Part != "alias" || got.Got != alias {
			t.Errorf("%q: %v", alias, err)
		}
	}
	for alias, want := range map[string]string{"Champion": "champion", "v": "v", "v1b": "v1b", "2nd": "2nd", "-": "-", "vv1": "vv1", long(255): long(255)} {
		if got, err := ParseAlias(alias); err != nil || got != want {
			t.Errorf("%q: %q, %v", alias, got, err)
		}
	}
}

func TestSuggestsNames(t *testing.T) {
	for path, want := range map[string]string{
		"/m/example ż 大 김.onnx":   "main.default.example",
		"/m/Silero VAD v5.ONNX":   "main.default.silero_vad_v5",
		"/m/resnet50-v1.7.onnx":   "main.default.resnet50-v1_7",
		"/m/sum.columns":          "main.default.sum_columns",
		"/m/folder/":              "main.default.folder",
		"/m/digits/MLmodel":       "main.default.digits",
		"/m/大.onnx":               "main.default.model",
		"/m/_-_.onnx":             "main.default.model",
		"/m/.onnx":                "main.default.model",
		"/":                       "main.default.model",
		"":                        "main.default.model",
		"/m/" + long(300) + ".on": "main.default." + long(255),
	} {
		if got := SuggestName(filepath.FromSlash(path)); got != want {
			t.Errorf("%q: got %q, want %q", path, got, want)
		}
	}
}

// anyName draws valid names, many of them long or reserved.
var anyName = rapid.OneOf(
	rapid.StringMatching(`[a-z0-9_-]{1,50}`),
	rapid.StringMatching(`[a-b]{250,255}`),
	rapid.SampledFrom([]string{"con", "aux", "nul", "prn", "com0", "com1", "lpt9", "com10", "-", "_", "con1"}),
)

func TestFoldersAreSafeOnEverySystem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := anyName.Draw(t, "name")
		folder := folderName(name)
		if len(folder) > maxFolder || folder == "" || reserved(folder) || folder != strings.ToLower(folder) || !filepath.IsLocal(folder) ||
			strings.Trim(folder, "abcdefghijklmnopqrstuvwxyz0123456789_-~") != "" || strings.HasPrefix(folder, ".") {
			t.Fatalf("%q gets the folder %q", name, folder)
		}
	})
}

func TestTwoNamesNeverShareAFolder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyName.Draw(t, "a"), anyName.Draw(t, "b")
		if (folderName(a) == folderName(b)) != (a == b) {
			t.Fatalf("%q and %q: %q and %q", a, b, folderName(a), folderName(b))
		}
	})
}

func TestNamesThatWindowsReservesCanBeUsed(t *testing.T) {
	f := newFixture(t)
	name := "aux.con." + long(255)
	f.ready(t, Import{Source: sharedFile(t, "tabular/mlp10.onnx"), Name: name})
	f.reopen(t)
	if m, err := f.Model(name); err != nil || m.Versions[0].Status != Ready {
		t.Error(m, err)
	}
	f.checkFiles(t)
}

func FuzzParseName(f *testing.F) {
	for _, s := range []string{"main.default.digits", "A.b-1.C_", "a.b", "a..b", "../../x.y.z", "con.nul.aux", "a.b.ż", "\xff.a.b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, err := ParseName(s)
		if err != nil {
			var wrong *NameError
			if !errors.As(err, &wrong) || wrong.Error() == "" || !strings.Contains(s, wrong.Got) {
				t.Fatalf("%q: %T %v", s, err, err)
			}
			return
		}
		again, err := ParseName(name.String())
		if err != nil || again != name || !strings.EqualFold(name.String(), s) || !filepath.IsLocal(name.folder()) {
			t.Fatalf("%q gives %q, which gives %q, %v", s, name, again, err)
		}
	})
}

func FuzzSuggestName(f *testing.F) {
	for _, s := range []string{"/m/example ż 大 김.onnx", "a.onnx", `C:\m\a b.onnx`, "..", "/", "", "MLmodel", "\xff\xfe.onnx", "\u212a.onnx"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		got := SuggestName(path)
		name, err := ParseName(got)
		if err != nil || name.String() != got || !strings.HasPrefix(got, defaultPrefix) || !utf8.ValidString(got) {
			t.Fatalf("%q gives %q: %v", path, got, err)
		}
	})
}
