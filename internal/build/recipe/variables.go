package recipe

import "slices"

// variables are names with values, in the order in which they were set first.
type variables struct {
	names  []string
	values map[string]string
}

func newVariables() *variables { return &variables{values: map[string]string{}} }

func (v *variables) set(name, value string) {
	if _, known := v.values[name]; !known {
		v.names = append(v.names, name)
	}
	v.values[name] = value
}

// Get implements shell.EnvGetter.
func (v *variables) Get(name string) (string, bool) {
	value, found := v.values[name]
	return value, found
}

// Keys implements shell.EnvGetter.
func (v *variables) Keys() []string { return slices.Clone(v.names) }
