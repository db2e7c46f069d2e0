package config

import (
	"reflect"
	"regexp"
	"strings"

	"github.com/davit-dev/davit/internal/build"
	"github.com/davit-dev/davit/internal/check/finding"
	checkrule "github.com/davit-dev/davit/internal/check/rule"
	"github.com/davit-dev/davit/internal/driver"
	"github.com/davit-dev/davit/internal/release"
	"github.com/davit-dev/davit/internal/x/quantity"
)

// rule is what a schema demands of a value beyond its type: the part of the
// stages' rules that a schema can say. The stages' own Validate decides; a test
// holds each rule against it.
type rule struct {
	Enum             []string `json:"enum,omitempty"`
	Pattern          string   `json:"pattern,omitempty"` // in the common part of RE2 and ECMA-262
	MaxLength        int      `json:"maxLength,omitempty"`
	Minimum          *float64 `json:"minimum,omitempty"`
	ExclusiveMinimum *float64 `json:"exclusiveMinimum,omitempty"`
	Maximum          *float64 `json:"maximum,omitempty"`
	MinItems         int      `json:"minItems,omitempty"`
	MaxItems         int      `json:"maxItems,omitempty"`
	UniqueItems      bool     `json:"uniqueItems,omitempty"`
	Required         []string `json:"required,omitempty"`
}

// or returns r, or the other where r demands nothing.
func (r rule) or(other rule) rule {
	if reflect.ValueOf(r).IsZero() {
		return other
	}
	return r
}

// textTypes narrows the types of a text to what the rule lets through.
func (r rule) textTypes(types ...string) []string {
	switch {
	case r.Enum != nil:
		return []string{"string"}
	case r.Minimum != nil && r.Maximum == nil:
		return []string{"string", "number"}
	case r.Minimum != nil:
		return []string{"string", "integer"}
	case r.Pattern != "" && !regexp.MustCompile(r.Pattern).MatchString("8080"):
		return []string{"string"}
	}
	return types
}

// typeRule is about the types that have a form of their own.
func typeRule(t reflect.Type) rule {
	switch t {
	case reflect.TypeFor[quantity.Duration]():
		// As time.ParseDuration has it. Only zero needs no unit.
		return rule{Pattern: `^(0|\+?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h))+)$`, Minimum: new(0.0), Maximum: new(0.0)}
	case reflect.TypeFor[quantity.Share]():
		return rule{Pattern: `^ *\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)? *% *$`}
	case reflect.TypeFor[quantity.Size]():
		return rule{Pattern: quantity.SizeForm}
	case reflect.TypeFor[release.Policy]():
		return rule{Enum: words(release.Hold, release.Rollback, release.Promote)}
	case reflect.TypeFor[release.Gate]():
		return rule{Enum: words(release.NoGate, release.BeforeCanary, release.BeforeLive)}
	case reflect.TypeFor[release.Affinity]():
		return rule{Pattern: release.AffinityForm}
	case reflect.TypeFor[checkrule.LabelFormat]():
		return rule{Enum: words(checkrule.LabelFormats()...)}
	case reflect.TypeFor[finding.Severity]():
		return rule{Enum: words(finding.Severities()...)}
	}
	return rule{}
}

func words[T ~string](values ...T) []string {
	var all []string
	for _, value := range values {
		all = append(all, string(value))
	}
	return all
}

// schemaRules returns the rules of single keys by their paths: [] is an entry of
// a list, and .* one of a table.
func schemaRules() map[string]rule {
	const (
		absolute = `^/`
		target   = `^(tcp|http|https)://.`
	)
	name := label.String()
	return map[string]rule{
		"name":                {Pattern: name, MaxLength: maxLabel},
		"hosts":               {MinItems: 1, MaxItems: maxHosts, UniqueItems: true},
		"hosts[]":             {Pattern: release.HostForm, MaxLength: release.MaxHost + release.MaxHostPath},
		"build.platforms[]":   {Pattern: `^(` + strings.Join(build.Platforms(), "|") + `)(/v[0-9.]+)?$`},
		"build.files.*":       {Pattern: absolute},
		"build.path":          {Pattern: `^(/|$)`},
		"build.workdir":       {Pattern: absolute},
		"build.compression":   {Enum: []string{"gzip", "zstd"}},
		"build.allow[]":       {Enum: []string{"no-ca-roots", "no-timezones", "low-port"}},
		"run.port":            {Minimum: new(1.0), Maximum: new(65535.0)},
		"run.replicas":        {Minimum: new(1.0), Maximum: new(float64(driver.MaxReplicas))},
		"run.health.path":     {Pattern: absolute},
		"run.health.failures": {Minimum: new(1.0)},
		"run.wait[]":          {Pattern: target},
		"run.secrets":         {MaxItems: 100, UniqueItems: true},
		"run.secrets[]":       {Pattern: driver.VariableForm},
		"run.cpu":             {Pattern: quantity.CoresForm, Minimum: new(float64(driver.LeastCPU) / 1000)},
		"run.volumes.*":       {Pattern: `^/.`},
		"verify.load":         {Required: []string{"request", "rate", "duration", "p95"}},
		"verify.load.request": {MinItems: 1, MaxItems: 50},
		"verify.load.rate":    {ExclusiveMinimum: new(0.0)},
		"release.steps":       {MinItems: 1, MaxItems: 20},
	}
}
