package config

import "reflect"

// Keys returns the paths of all keys of davit.yaml.
func Keys() []string { return keys(reflect.TypeFor[Config](), "") }
