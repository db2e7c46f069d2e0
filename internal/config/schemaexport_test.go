package config

import (
	"maps"
	"slices"
)

// RulePaths returns the paths of the keys that the schema has rules for.
func RulePaths() []string { return slices.Sorted(maps.Keys(schemaRules())) }
