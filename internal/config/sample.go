package config

import (
	_ "embed" // the sample is a file of its own, as its readers will see it
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed sample.yaml
var sample string

// SampleData is what a sample is made for.
type SampleData struct {
	Module string // path of the module
	Main   string // main package to build, "" where the module has only one
}

// Sample returns a davit.yaml that names every key with its default, commented
// out. Only the main package is set, where it has to be.
func Sample(data SampleData) string {
	out := strings.ReplaceAll(sample, "NAME", NameOf(data.Module))
	if data.Main == "" {
		return strings.Replace(out, "MAIN", "cmd/"+NameOf(data.Module), 1)
	}
	out = strings.Replace(out, "\n#build:\n", "\nbuild:\n", 1)
	out = strings.Replace(out, "\n#  main: MAIN ", "\n  main: MAIN ", 1)
	return strings.Replace(out, "MAIN", inline(data.Main), 1)
}

// inline writes text so that YAML reads it back as the same text.
func inline(value string) string {
	node := yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
	out, err := yaml.Marshal(&node)
	if err != nil {
		return value
	}
	return strings.TrimSuffix(string(out), "\n")
}
