package config_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"go.yaml.in/yaml/v3"

	"github.com/davit-dev/davit/internal/config"
)

var update = flag.Bool("update", false, "write docs/davit.schema.json anew")

func TestSchemaIsPublished(t *testing.T) {
	const path = "../../docs/davit.schema.json"
	want, err := config.Schema()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what the configuration says (%v): run go test ./internal/config -run Schema -update", path, err)
	}
}

// TestSchemaDescribesEveryKey: whoever writes one sees what it is for, and what it
// is without, or an example.
func TestSchemaDescribesEveryKey(t *testing.T) {
	root := newChecker(t).root
	described := properties("", root)
	for path, s := range described {
		text, _ := s["description"].(string)
		if text == "" || strings.Contains(text, "example") || strings.HasPrefix(text, "#") {
			t.Errorf("%s: description %q; say in sample.yaml what it is", path, text)
		}
	}
	for _, key := range config.Keys() {
		s, found := described[key]
		if !found {
			t.Errorf("%s is not in the schema", key)
		} else if s["default"] == nil && s["examples"] == nil {
			t.Errorf("%s has neither a default nor an example", key)
		}
	}
	if about, _ := root["description"].(string); !strings.HasPrefix(about, "How davit builds") {
		t.Errorf("the file's description is %q", about)
	}
}

// properties returns the schemas of all keys below one, sections too, by path.
func properties(path string, s map[string]any) map[string]map[string]any {
	all := map[string]map[string]any{}
	below, _ := s["properties"].(map[string]any) // a key that holds no others has none
	for name, value := range below {
		key := strings.TrimPrefix(path+"."+name, ".")
		all[key] = value.(map[string]any)
		maps.Copy(all, properties(key, all[key]))
	}
	return all
}

// TestSchemaShowsTheDefaults: those that Default gives to every module.
func TestSchemaShowsTheDefaults(t *testing.T) {
	all := properties("", newChecker(t).root)
	for path, want := range map[string]any{
		"run.port": 8080.0, "run.drain": "30s", "build.base": "static", "build.prober": false, "release.undecided": "hold",
	} {
		if got := all[path]["default"]; got != want {
			t.Errorf("%s: got %v, want %v", path, got, want)
		}
	}
	if steps := all["release.steps"]["default"]; !reflect.DeepEqual(steps, []any{"5%", "25%", "50%"}) {
		t.Errorf("steps %v", steps)
	}
	for _, name := range []string{"name", "hosts"} { // they follow the module
		if s := all[name]; s["default"] != nil || s["examples"] == nil {
			t.Errorf("%s: %v", name, s)
		}
	}
}

// TestSchemaAgrees: what is valid by the schema is so for Parse, and the other
// way round, at the bounds of every rule.
func TestSchemaAgrees(t *testing.T) {
	c := newChecker(t)
	many := func(n int, form string) string {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(form, i))
		}
		return "[" + strings.Join(all, ", ") + "]"
	}
	load := func(over string) string {
		return "verify: {load: {request: GET /, rate: 50, duration: 10s, p95: 250ms" + over + "}}"
	}
	for text, valid := range map[string]bool{
		"": true, "{}": true, "run:": true, "[]": false, "text": false, "run: 8080": false, "run: []": false, "run: {port: }": false,
		"nam: x": false, "port: 8080": false, "run: {prot: 1}": false, "run: {replicas: 2}": true, "run: {replicas: 0}": false, "run: {replicas: 64}": true, "run: {replicas: 65}": false, "run: {health: {retries: 1}}": false,
		"name: a": true, "name: 8080": true, "name: A": false, "name: a-": false, "name: [a]": false, "name: ": false,
		"name: " + strings.Repeat("a", 63): true, "name: " + strings.Repeat("a", 64): false,
		"hosts: [a.b, c]": true, "hosts: []": false, "hosts: a.b": false, "hosts: [A]": false, "hosts: ['a:80']": false, "hosts: [a, a]": false, "hosts: [a.b/c, a.b/c/D.~_-]": true, "hosts: [a/]": false, "hosts: [a/b/]": false, "hosts: [a/../b]": false, "hosts: [a/b%20]": false, "hosts: [a//b]": false,
		"hosts: " + many(100, "h%d"): true, "hosts: " + many(101, "h%d"): false,
		"run: {port: 1}": true, "run: {port: 0}": false, "run: {port: 65535}": true, "run: {port: 65536}": false,
		"run: {port: '80'}": false, "run: {port: 80.5}": false, "run: {port: yes}": false,
		"run: {drain: 0}": true, "run: {drain: 0s}": true, "run: {drain: 30}": false, "run: {drain: '30'}": false, "run: {drain: 1h30m}": true,
		"run: {drain: 1.5s}": true, "run: {drain: -1s}": false, "run: {drain: 1 s}": false, "run: {drain: 1d}": false, "run: {drain: soon}": false, "run: {drain: true}": false,
		"run: {health: {failures: 1}}": true, "run: {health: {failures: 0}}": false, "run: {health: {path: /}}": true, "run: {health: {path: up}}": false,
		"run: {health: {path: ''}}": false, "run: {args: []}": true, "run: {args: x}": false, "run: {args: [1, true, {}]}": false, "run: {args: [1, true]}": true,
		"run: {env: {A: 1.10, B: yes, C: ''}}": true, "run: {env: {A: [1]}}": false, "run: {env: {A: }}": false, "run: {env: [A]}": false,
		"run: {wait: ['tcp://a:1', 'http://a/b', 'https://a']}": true, "run: {wait: [a]}": false, "run: {wait: ['udp://a:1']}": false, "run: {wait: ['tcp://']}": false,
		"run: {memory: 256MiB}": true, "run: {memory: 1.5GiB}": true, "run: {memory: none}": true, "run: {memory: 268435456}": false, "run: {memory: 256M}": false,
		"run: {memory: '256'}": false, "run: {memory: -1MiB}": false, "run: {memory: }": false, "run: {memory: [1GiB]}": false,
		"run: {cpu: 0.5}": true, "run: {cpu: 2}": true, "run: {cpu: 500m}": true, "run: {cpu: '0.5'}": true, "run: {cpu: none}": true, "run: {cpu: 0.01}": true,
		"run: {cpu: 0}": false, "run: {cpu: 0.009}": false, "run: {cpu: -1}": false, "run: {cpu: half}": false, "run: {cpu: true}": false,
		"run: {volumes: {data: /var/lib/orders}}": true, "run: {volumes: {data: data}}": false, "run: {volumes: {data: /}}": false, "run: {volumes: [/data]}": false,
		"build: {main: a}": true, "build: {main: [a, b]}": true, "build: {main: {}}": false, "build: {main: [[a]]}": false,
		"build: {cgo: false}": true, "build: {cgo: 1}": false, "build: {prober: 'true'}": false, "build: {user: 1000}": true,
		"build: {platforms: [linux/amd64, linux/arm/v7]}": true, "build: {platforms: [windows/amd64]}": false, "build: {platforms: [linux/vax]}": false, "build: {platforms: linux/amd64}": false,
		"build: {path: /x}": true, "build: {path: ''}": true, "build: {path: x}": false, "build: {workdir: /x}": true, "build: {workdir: ''}": false,
		"build: {files: {a: /b}}": true, "build: {files: {a: b}}": false, "build: {files: [a]}": false,
		"build: {labels: {a: 1}}": true, "build: {tags: netgo}": false, "build: {allow: []}": true,
		load(""): true, load(", errors: 0%"): true, load(", errors: 0.5 %"): true, load(", errors: 1"): false, load(", errors: '1'"): false,
		load(", errors: -1%"): false, load(", errors: x%"): false, load(", warmup: 2s"): true, load(", latency: 1s"): false,
		"verify: {load: }": false, "verify: {load: {}}": false, "verify: {load: {request: GET /, rate: 50, duration: 10s}}": false,
		"verify: {load: {request: GET /, rate: 50, p95: 1s}}": false, "verify: {load: {request: GET /, duration: 10s, p95: 1s}}": false,
		"verify: {load: {rate: 50, duration: 10s, p95: 1s}}":                                       false,
		"verify: {load: {request: GET /, rate: 0, duration: 10s, p95: 1s}}":                        false,
		"verify: {load: {request: GET /, rate: '50', duration: 10s, p95: 1s}}":                     false,
		"verify: {load: {request: GET /, rate: 2.5, duration: 10s, p95: 1s}}":                      true,
		"verify: {load: {request: [], rate: 50, duration: 10s, p95: 1s}}":                          false,
		"verify: {load: {request: " + many(50, "GET /%d") + ", rate: 50, duration: 10s, p95: 1s}}": true,
		"verify: {load: {request: " + many(51, "GET /%d") + ", rate: 50, duration: 10s, p95: 1s}}": false,
		"release: {steps: [1%, 50%]}":                                                              true, "release: {steps: []}": false, "release: {steps: [0.5]}": false, "release: {steps: 5%}": false,
		"release: {dwell: 0s, steps: " + strings.ReplaceAll(many(20, "1.%02d%%"), "1.00", "1") + "}": true,
		"release: {dwell: 0s, steps: " + strings.ReplaceAll(many(21, "1.%02d%%"), "1.00", "1") + "}": false,
		"release: {affinity: none}": true, "release: {affinity: header:X-User}": true, "release: {affinity: 'header:'}": false,
		"release: {mirror: 12.5%}": true, "release: {mirror: 0.1}": false, "release: {affinity: client-ip}": true, "release: {affinity: sticky}": false,
		"release: {tolerance: }": true, "release: {tolerance: 1%}": false, "check: {severity: {DL3020: info}}": true, "check: {ignore: DL3020}": false,
	} {
		_, err := config.Parse("davit.yaml", module, []byte(text))
		if refused := c.text(text); (err == nil) != valid || (refused == nil) != valid {
			t.Errorf("%.80q: Parse says %v, the schema %v", text, err, refused)
		}
	}
}

// TestSchemaKnowsTheChoices: each is one that Parse takes, and Parse speaks of
// no other when it refuses one.
func TestSchemaKnowsTheChoices(t *testing.T) {
	c := newChecker(t)
	word := regexp.MustCompile(`[a-z][a-z_-]+`)
	for form, want := range map[string][]string{
		"build: {compression: %s}":        {"gzip", "zstd"},
		"build: {allow: [%s]}":            {"low-port", "no-ca-roots", "no-timezones"},
		"release: {undecided: %s}":        {"hold", "promote", "rollback"},
		"release: {approval: %s}":         {"before_canary", "before_live"},
		"check: {fail_on: %s}":            {"error", "info", "style", "warning"},
		"check: {severity: {DL3020: %s}}": {"error", "info", "style", "warning"},
	} {
		_, err := config.Parse("davit.yaml", module, fmt.Appendf(nil, form, "none-of-these"))
		if err == nil {
			t.Fatalf("%s takes anything", form)
		}
		var taken []string
		for _, choice := range append(word.FindAllString(err.Error(), -1), want...) {
			text := fmt.Sprintf(form, choice)
			_, refused := config.Parse("davit.yaml", module, []byte(text))
			if by := c.text(text); (by == nil) != (refused == nil) {
				t.Errorf("%s: Parse says %v, the schema %v", text, refused, by)
			}
			if refused == nil {
				taken = append(taken, choice)
			}
		}
		slices.Sort(taken)
		if taken = slices.Compact(taken); !slices.Equal(taken, want) {
			t.Errorf("%s takes %q, want %q", form, taken, want)
		}
	}
}

// TestSchemaRulesAreAboutKeys: none is left over from a key that is gone.
func TestSchemaRulesAreAboutKeys(t *testing.T) {
	sections := append(config.Keys(), "verify.load")
	for _, path := range config.RulePaths() {
		if key := strings.TrimSuffix(strings.TrimSuffix(path, "[]"), ".*"); !slices.Contains(sections, key) {
			t.Errorf("%s is not a key", path)
		}
	}
}

// TestSchemaTakesEveryFile that is in the repository and that Parse takes.
func TestSchemaTakesEveryFile(t *testing.T) {
	c := newChecker(t)
	sample := config.Sample(config.SampleData{Module: module, Main: "cmd/orders"})
	files := map[string]string{
		"sample":   sample,
		"defaults": uncomment(sample, func(line string) bool { return !isExample(line) }),
		"all":      uncomment(sample, func(string) bool { return true }),
	}
	examples, err := filepath.Glob("../../examples/*/davit.yaml")
	if err != nil || len(examples) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, path := range examples {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[path] = string(data)
	}
	scripts, err := filepath.Glob("../cli/testdata/script/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, path := range scripts {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			if filepath.Base(f.Name) == config.FileName {
				files[path+" "+f.Name] = string(f.Data)
			}
		}
	}
	for path, text := range files {
		_, invalid := config.Parse("davit.yaml", module, []byte(text))
		if err := c.text(text); err != nil && invalid == nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// FuzzSchema: whatever Parse takes is valid by the schema, once it is written in
// the usual form.
func FuzzSchema(f *testing.F) {
	c := newChecker(f)
	sample := config.Sample(config.SampleData{Module: module})
	for _, seed := range []string{
		sample, uncomment(sample, func(string) bool { return true }), "", "{}", "run: {drain: -0s, env: {A: 0x1p2}}",
		"release: {steps: [0x1p2%, 1e1%]}", "hosts: [1, 2.5, true]", "build: {main: [a, 1], path: '', user: 0}", "check: {fail_on: ''}",
		"verify: {load: {request: [GET /, HEAD /a], rate: 1e2, duration: 1m, p95: 1us, errors: 1e-7%}}", "run: {health: {start: 1ns}}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := config.Parse("davit.yaml", module, data)
		if err != nil {
			return
		}
		written, err := yaml.Marshal(node(t, reflect.ValueOf(cfg)))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.text(string(written)); err != nil {
			t.Fatalf("%q was read and written as\n%s\n%v", data, written, err)
		}
	})
}
