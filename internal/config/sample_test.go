package config_test

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/build"
	"github.com/davit-dev/davit/internal/config"
)

// setting is a line of the sample that a user can take the # away from: prose
// has one space behind it.
var setting = regexp.MustCompile(`^#(  |\S)`)

// uncomment takes the # from the settings of a sample that keep chooses.
func uncomment(sample string, keep func(line string) bool) string {
	var out []string
	for line := range strings.SplitSeq(sample, "\n") {
		if setting.MatchString(line) && keep(line) {
			line = line[1:]
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

func isExample(line string) bool { return strings.HasSuffix(line, "example") }

func TestTheSampleSaysTheDefaults(t *testing.T) {
	sample := config.Sample(config.SampleData{Module: "github.com/mccutchen/go-httpbin/v2"})
	want := config.Default("github.com/mccutchen/go-httpbin/v2")
	for name, text := range map[string]string{
		"as it is":    sample,
		"uncommented": uncomment(sample, func(line string) bool { return !isExample(line) }),
	} {
		got, err := config.Parse("davit.yaml", "example.com/other", []byte(text))
		if name == "as it is" {
			got, err = config.Parse("davit.yaml", "github.com/mccutchen/go-httpbin/v2", []byte(text))
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v\nwant %+v\n%v\n%s", name, got, want, err, text)
		}
	}
}

// TestTheSampleShowsEveryKey: each as a default or an example, and every example
// is one that davit takes and that changes something.
func TestTheSampleShowsEveryKey(t *testing.T) {
	sample := config.Sample(config.SampleData{Module: module})
	all := parse(t, uncomment(sample, func(string) bool { return true }))
	defaults := parse(t, uncomment(sample, func(line string) bool { return !isExample(line) }))
	shown := paths(reflect.ValueOf(all), reflect.ValueOf(defaults), sample)
	if want := config.Keys(); !slices.Equal(shown, want) {
		t.Errorf("shown %v\nwant  %v", shown, want)
	}
}

// paths returns the keys that differ from the defaults, or that the sample
// writes out as they are.
func paths(all, defaults reflect.Value, sample string) []string {
	var found []string
	for _, key := range config.Keys() {
		a, b := all, defaults
		for name := range strings.SplitSeq(key, ".") {
			a, b = field(a, name), field(b, name)
		}
		last := key[strings.LastIndex(key, ".")+1:]
		line := regexp.MustCompile(`(?m)^#(  )*` + last + `: .*[^e]$|^#(  )*` + last + `: .*[^l]e$`)
		differs := !b.IsValid() || !reflect.DeepEqual(a.Interface(), b.Interface())
		if a.IsValid() && (differs || line.MatchString(sample)) {
			found = append(found, key)
		}
	}
	return found
}

func field(v reflect.Value, name string) reflect.Value {
	if v.IsValid() && v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if !v.IsValid() {
		return v
	}
	for f, value := range v.Fields() {
		if tag, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); tag == name {
			return value
		}
	}
	return reflect.Value{}
}

func TestTheSampleNamesTheMainPackage(t *testing.T) {
	for _, main := range []string{"cmd/orders", ".", "cmd/a b: #c", "cmd/'x'"} {
		sample := config.Sample(config.SampleData{Module: module, Main: main})
		want := config.Default(module)
		want.Build.Main = build.List{main}
		if got := parse(t, sample); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v\n%s", main, got, sample)
		}
		if strings.Contains(sample, "MAIN") || strings.Contains(sample, "NAME") {
			t.Errorf("%q: a placeholder is left:\n%s", main, sample)
		}
	}
}
