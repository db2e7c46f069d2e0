package verify

import (
	"slices"

	"go.yaml.in/yaml/v3"
)

// parseFile reads one assertion file. Its errors stand at file:line:column.
func parseFile(name string, data []byte) (File, error) {
	root, err := parseYAML(name, data)
	if err != nil {
		return File{}, err
	}
	d := &decoder{file: name}
	if root.Kind != yaml.SequenceNode {
		d.fail(root, "the file must be a list of assertions, each beginning with -, not %s", kindOf(root))
		return File{}, d.err()
	}
	if len(root.Content) == 0 {
		d.fail(root, "the list holds no assertions")
	}
	file := File{Name: name}
	for _, node := range root.Content {
		file.Assertions = append(file.Assertions, d.assertion(node))
	}
	if len(d.errs) > 0 {
		return File{}, d.err()
	}
	for _, p := range file.problems() {
		d.fail(root.Content[p.index], "%w", p.err)
	}
	if len(d.errs) > 0 {
		return File{}, d.err()
	}
	return file, nil
}

func (d *decoder) assertion(n *yaml.Node) Assertion {
	var a Assertion
	before := len(d.errs)
	d.mapping(n, "an assertion", []field{
		{"name", d.text("name", &a.Name)},
		{"request", d.scalar("request", &a.Request)},
		{"headers", d.headers("headers", &a.Headers)},
		{"body", d.text("body", &a.Body)},
		{"expect", d.expect(&a.Expect)},
		{"save", d.save(&a.Save)},
	})
	if a.Request == (Request{}) && len(d.errs) == before {
		d.fail(n, "an assertion must have a request, such as request: GET /orders")
	}
	if a.Name == "" {
		a.Name = clip(a.Request.String(), maxName)
	}
	return a
}

func (d *decoder) headers(what string, target *map[string]string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		headers := map[string]string{}
		d.entries(n, what, func(key, value *yaml.Node) {
			var text string
			d.text(what+"."+key.Value, &text)(value)
			headers[key.Value] = text
		})
		if len(headers) > 0 {
			*target = headers
		}
	}
}

func (d *decoder) save(target *map[string]Path) func(*yaml.Node) {
	return func(n *yaml.Node) {
		paths := map[string]Path{}
		d.entries(n, "save", func(key, value *yaml.Node) {
			var path Path
			d.scalar("save."+key.Value, &path)(value)
			paths[key.Value] = path
		})
		if len(paths) > 0 {
			*target = paths
		}
	}
}

func (d *decoder) expect(e *Expect) func(*yaml.Node) {
	return func(n *yaml.Node) {
		d.mapping(n, "expect", []field{
			{"status", d.statuses(&e.Status)},
			{"headers", d.headers("expect.headers", &e.Headers)},
			{"json", d.rules(&e.JSON)},
			{"body", func(n *yaml.Node) {
				e.Body = new(string)
				d.text("expect.body", e.Body)(n)
			}},
			{"contains", d.contains(&e.Contains)},
			{"latency", d.scalar("expect.latency", &e.Latency)},
		})
	}
}

func (d *decoder) statuses(target *[]Status) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
			d.fail(n, "expect.status: the list is empty, so that no answer could be right")
		}
		list(n, func(entry *yaml.Node) {
			var status Status
			d.scalar("expect.status", &status)(entry)
			*target = append(*target, status)
		})
	}
}

func (d *decoder) contains(target *[]string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		list(n, func(entry *yaml.Node) {
			var text string
			d.text("expect.contains", &text)(entry)
			*target = append(*target, text)
		})
	}
}

// rules reads path → what is expected there: a value, or a mapping with one of
// the keys equals and exists. Values that are mappings stand below equals, so
// that none can be mistaken for a rule.
func (d *decoder) rules(target *[]Rule) func(*yaml.Node) {
	return func(n *yaml.Node) {
		d.entries(n, "expect.json", func(key, value *yaml.Node) {
			rule := Rule{Kind: Equals}
			d.scalar("expect.json", &rule.Path)(key)
			if value.Kind == yaml.MappingNode {
				d.rule(value, &rule)
			} else {
				rule.Value = d.value(value, 0)
			}
			*target = append(*target, rule)
		})
	}
}

func (d *decoder) rule(n *yaml.Node, rule *Rule) {
	what := "expect.json " + rule.Path.String()
	given, before := 0, len(d.errs)
	d.mapping(n, what, []field{
		{"equals", func(n *yaml.Node) {
			given++
			rule.Value = d.value(n, 0)
		}},
		{"exists", func(n *yaml.Node) {
			given++
			rule.Kind = Exists
			if !slices.Contains([]string{"true", "false"}, n.Value) || n.ShortTag() != "!!bool" {
				d.fail(n, "%s: exists must be true or false, not %s", what, kindOf(n))
			}
			if n.Value == "false" {
				rule.Kind = Absent
			}
		}},
	})
	if given > 1 {
		d.fail(n, "%s: either equals or exists, not both", what)
	}
	if given == 0 && len(d.errs) == before {
		d.fail(n, "%s: a value or one of equals, exists is needed", what)
	}
}
