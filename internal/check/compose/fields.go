package compose

// Fields returns the keys that count in a mapping: those that are written and
// those that << brings (yaml.org/type/merge.html). Nothing for other nodes. A
// file whose merge keys bring more than anyone writes gets no more of them.
func (f *File) Fields(n *Node) []Field {
	inherited := n != nil && n.Alias != nil
	n = n.Target()
	if n == nil || n.Kind != Mapping {
		return nil
	}
	if n.merged == unmerged {
		n.merged = merging
		n.fields = f.merge(n)
		n.merged = merged
	}
	if !inherited {
		return n.fields
	}
	out := make([]Field, 0, min(len(n.fields), max(f.budget, 0)))
	for _, field := range n.fields {
		if f.budget--; f.budget < 0 {
			break
		}
		out = append(out, Field{field.Pair, true})
	}
	return out
}

func (f *File) merge(n *Node) []Field {
	seen := map[string]bool{}
	var fields []Field
	var sources []*Node
	for _, p := range n.Pairs {
		switch {
		case p.Key.Tag == "!!merge":
			sources = append(sources, mergeSources(p.Value)...)
		case !seen[p.Key.Text]:
			seen[p.Key.Text] = true
			fields = append(fields, Field{Pair: p})
		}
	}
	for _, source := range sources {
		for _, field := range f.Fields(source) {
			if f.budget--; f.budget < 0 {
				return fields
			}
			if !seen[field.Key.Text] {
				seen[field.Key.Text] = true
				fields = append(fields, Field{field.Pair, true})
			}
		}
	}
	return fields
}

// mergeSources returns the mappings behind a <<, the one that counts first first.
func mergeSources(n *Node) []*Node {
	if n.Target().Kind == Sequence {
		return n.Target().Items
	}
	return []*Node{n}
}

// Field returns the value of a key in a mapping, with what << brings.
func (f *File) Field(n *Node, key string) (Field, bool) {
	for _, field := range f.Fields(n) {
		if field.Key.Text == key {
			return field, true
		}
	}
	return Field{}, false
}

// Value returns the value of a key in a mapping, with what << brings; nil
// without.
func (f *File) Value(n *Node, key string) *Node {
	field, _ := f.Field(n, key)
	return field.Value
}

// Top returns the pairs of all documents with a key.
func (f *File) Top(key string) []Pair {
	var out []Pair
	for _, d := range f.Documents {
		for _, p := range d.Pairs {
			if p.Key.Text == key {
				out = append(out, p)
			}
		}
	}
	return out
}
