package app_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/davit-dev/davit/"

// allowed says which packages of the project each package may import, and with
// that who may know whom. The order is the way of the data.
var ruleFamily = []string{
	"internal/check/compose", "internal/check/dockerfile", "internal/check/finding", "internal/check/ignore",
	"internal/check/project", "internal/check/rule",
}

var allowed = map[string][]string{
	"cmd/davit":                            {"internal/cli"},
	"examples":                             {},
	"examples/orders":                      {},
	"internal/x/admission":                 {},
	"internal/x/atomicfile":                {},
	"internal/x/exposition":                {},
	"internal/x/exposition/expositiontest": {},
	"internal/x/quantity":                  {},
	"internal/x/redact":                    {},
	"internal/x/systemd":                   {},
	"internal/driver":                      {"internal/x/quantity"},
	"internal/source":                      {},
	"internal/check/dockerfile":            {},
	"internal/check/compose":               {},
	"internal/check/ignore":                {},
	"internal/check/finding":               {},
	"internal/check/project":               {"internal/check/compose", "internal/check/dockerfile", "internal/check/ignore"},
	"internal/check/rule":                  {"internal/check/dockerfile", "internal/check/finding", "internal/check/ignore", "internal/check/project"},
	"internal/check/rules/hadolint":        ruleFamily,
	"internal/check/rules/gobuild":         ruleFamily,
	"internal/check/rules/goimage":         ruleFamily,
	"internal/check/rules/gocontext":       ruleFamily,
	"internal/check/rules/labels":          ruleFamily,
	"internal/check/rules/buildkit":        ruleFamily,
	"internal/check/rules/packages":        ruleFamily,
	"internal/check/rules/shell":           ruleFamily,
	"internal/check/rules/shellcheck":      ruleFamily,
	"internal/check/rules/services":        append([]string{"internal/check/compose"}, ruleFamily...),
	"internal/check/rules/dockerignore":    append([]string{"internal/check/ignore"}, ruleFamily...),
	"internal/check/rules/gomod":           ruleFamily,
	"internal/check/fix": {
		"internal/check/finding", "internal/check/project", "internal/check/rule", "internal/x/atomicfile",
	},
	"internal/check/baseline":     {"internal/check/finding", "internal/check/project"},
	"internal/check/hadolintfile": {"internal/check/finding", "internal/check/rule"},
	"internal/check/render":       {"internal/check/finding", "internal/check/project", "internal/check/rule"},
	"internal/check/agree":        {"internal/check/finding", "internal/check/hadolintfile", "internal/check/project", "internal/check/rule"},
	"internal/check/checktest": {
		"internal/check/agree", "internal/check/finding", "internal/check/fix", "internal/check/project", "internal/check/render", "internal/check/rule",
	},
	"internal/check": {
		"internal/check/finding", "internal/check/fix", "internal/check/project", "internal/check/rule",
		"internal/check/rules/buildkit", "internal/check/rules/dockerignore", "internal/check/rules/gobuild",
		"internal/check/rules/gocontext", "internal/check/rules/goimage", "internal/check/rules/gomod", "internal/check/rules/hadolint",
		"internal/check/rules/labels", "internal/check/rules/packages", "internal/check/rules/services", "internal/check/rules/shell", "internal/check/rules/shellcheck",
	},
	"docs":                           {},
	"internal/build/layer":           {"internal/x/atomicfile"},
	"internal/build/base":            {"internal/build/layer", "internal/x/atomicfile"},
	"internal/build/fingerprint":     {},
	"internal/build/prober":          {"internal/build/layer", "internal/x/atomicfile"},
	"internal/build/prober/program":  {},
	"internal/build/sink":            {"internal/source", "internal/x/atomicfile"},
	"internal/build/sbom":            {},
	"internal/build/attest":          {"internal/build/sbom"},
	"internal/build/explain":         {"internal/build/attest", "internal/build/sbom"},
	"internal/build/ko":              {"internal/source", "internal/build/layer"},
	"internal/build/recipe/gocmd":    {},
	"internal/build/recipe/tree":     {"internal/build/layer", "internal/x/atomicfile"},
	"internal/build/recipe/makefile": {},
	"internal/build/recipe/script":   {"internal/build/layer", "internal/build/recipe/gocmd", "internal/build/recipe/makefile", "internal/build/recipe/tree"},
	"internal/build/recipe": {
		"internal/source", "internal/build/layer", "internal/build/recipe/gocmd", "internal/check/ignore",
		"internal/build/recipe/script", "internal/build/recipe/tree",
	},
	"internal/build": {
		"internal/source", "internal/build/base", "internal/build/fingerprint", "internal/build/layer",
		"internal/x/atomicfile", "internal/x/quantity",
	},
	"internal/workshop": {
		"internal/build", "internal/build/attest", "internal/build/base", "internal/build/explain", "internal/build/ko",
		"internal/build/layer", "internal/build/prober", "internal/build/recipe", "internal/build/recipe/script", "internal/build/sbom", "internal/build/sink", "internal/config", "internal/source",
		"internal/x/atomicfile",
	},
	"internal/workshop/proof":  {"internal/build", "internal/build/explain", "internal/workshop"},
	"bench/check":              {"internal/check", "internal/check/agree", "internal/check/project"},
	"bench/canary":             {"internal/release/analysis", "internal/release/others"},
	"bench/dockerfiles":        {"internal/build/recipe"},
	"bench/release":            {"examples", "internal/release/traffic"},
	"bench/build":              {"examples", "internal/build/base", "internal/build/layer", "internal/registry"},
	"internal/registry/blob":   {"internal/x/atomicfile"},
	"internal/registry/index":  {},
	"internal/registry/unpack": {},
	"internal/registry": {
		"internal/driver", "internal/registry/blob", "internal/registry/index", "internal/registry/unpack", "internal/x/atomicfile",
	},
	"internal/verify":               {"internal/driver", "internal/registry", "internal/x/quantity"},
	"internal/audit":                {"internal/x/atomicfile"},
	"internal/backup":               {},
	"internal/secret":               {"internal/x/atomicfile"},
	"internal/certificate":          {"internal/x/atomicfile"},
	"internal/certificate/acmetest": {},
	"internal/release/traffic": {
		"internal/release/traffic/framing", "internal/x/admission", "internal/x/atomicfile", "internal/x/exposition", "internal/x/quantity",
	},
	"internal/release/traffic/framing": {},
	"internal/release/analysis":        {},
	"internal/release/others":          {},
	"internal/release": {
		"internal/driver", "internal/verify", "internal/release/analysis", "internal/release/others", "internal/x/quantity",
	},
	"internal/driver/process":    {"internal/driver", "internal/x/atomicfile", "internal/x/quantity", "internal/x/redact"},
	"internal/driver/drivertest": {"internal/driver", "internal/x/quantity"},
	"internal/config": {
		"internal/build", "internal/check", "internal/check/finding", "internal/check/rule", "internal/driver", "internal/release", "internal/verify", "internal/x/quantity",
	},
	"internal/access": {"internal/x/admission"},
	"internal/api":    {"internal/access", "internal/driver", "internal/release", "internal/x/quantity"},
	"internal/web":    {"internal/access", "internal/api", "internal/driver", "internal/release"},
	"internal/app": {
		"examples", "internal/access", "internal/api", "internal/audit", "internal/backup", "internal/build", "internal/certificate", "internal/check", "internal/check/baseline", "internal/check/finding",
		"internal/check/hadolintfile", "internal/config",
		"internal/driver", "internal/driver/process", "internal/registry", "internal/release",
		"internal/release/analysis", "internal/release/traffic", "internal/secret", "internal/source", "internal/verify",
		"internal/web", "internal/workshop", "internal/workshop/proof", "internal/x/atomicfile", "internal/x/exposition",
		"internal/x/quantity", "internal/x/redact", "internal/x/systemd",
	},
	"internal/cli": {
		"internal/access", "internal/api", "internal/app", "internal/build", "internal/check", "internal/check/finding", "internal/check/render", "internal/config",
		"docs",
		"internal/build/ko", "internal/build/recipe", "internal/driver/process", "internal/release", "internal/release/analysis", "internal/release/others", "internal/source", "internal/workshop", "internal/workshop/proof",
		"internal/x/quantity",
	},
	"e2e": {"examples"},
}

// keepers are the only packages that may know a library.
var keepers = map[string][]string{
	"k8s.io/":                {},
	"github.com/prometheus/": {},
	"github.com/spf13/pflag": {"internal/cli"},
	"go.yaml.in/yaml/v3":     {"internal/config", "internal/check", "internal/verify", "internal/build"},
	"github.com/google/go-containerregistry": {
		"internal/build", "internal/workshop", "internal/registry", "internal/verify", "bench",
	},
	"github.com/ncruces/go-sqlite3":    {"internal/audit", "internal/registry"},
	"filippo.io/age":                   {"internal/secret"},
	"github.com/caddyserver/certmagic": {"internal/certificate"},
	"go.uber.org/zap":                  {"internal/certificate"},
	"github.com/letsencrypt/pebble":    {"internal/certificate/acmetest"},
}

type listed struct {
	ImportPath string
	Imports    []string
}

func list(t *testing.T, args ...string) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-json=ImportPath,Imports"}, args...)...)
	cmd.Dir = "../.."
	cmd.Stderr = os.Stderr
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []listed
	dec := json.NewDecoder(strings.NewReader(string(output)))
	for {
		var p listed
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages
		}
		if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

func TestArchitecture(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range list(t, "./...") {
		name := strings.TrimPrefix(p.ImportPath, module)
		seen[name] = true
		may, known := allowed[name]
		if !known {
			t.Errorf("%s is not in the table: say which packages it may import", name)
			continue
		}
		for _, imported := range p.Imports {
			if own, ok := strings.CutPrefix(imported, module); ok && !slices.Contains(may, own) {
				t.Errorf("%s imports %s, which it may not: it may import %v", name, own, may)
			}
			for library, by := range keepers {
				within := func(keeper string) bool { return name == keeper || strings.HasPrefix(name, keeper+"/") }
				if strings.HasPrefix(imported, library) && !slices.ContainsFunc(by, within) {
					t.Errorf("%s imports %s, which only %v may know", name, imported, by)
				}
			}
		}
	}
	for name := range allowed {
		if !seen[name] {
			t.Errorf("%s is in the table and is gone", name)
		}
	}
}

// TestDependencies compares the packages in the binary with the committed list,
// so that a new one shows in review. 'make deps' writes the list anew.
func TestDependencies(t *testing.T) {
	committed, err := os.ReadFile("../../deps.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Fields(string(committed))
	var got []string
	for _, p := range list(t, "-deps", "./cmd/davit") {
		host, _, _ := strings.Cut(p.ImportPath, "/")
		if strings.Contains(host, ".") && !strings.HasPrefix(p.ImportPath, module) {
			got = append(got, p.ImportPath)
		}
	}
	slices.Sort(got)
	for _, p := range got {
		if !slices.Contains(want, p) {
			t.Errorf("%s is new in the binary: 'make deps' if it is meant", p)
		}
	}
	for _, p := range want {
		if !slices.Contains(got, p) {
			t.Errorf("%s is not in the binary any more: 'make deps'", p)
		}
	}
}
