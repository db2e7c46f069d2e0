package compose

// Span is a part of the source: the bytes from offset Start up to, but not
// including, offset End.
type Span struct{ Start, End int }

// Kind is what a node is.
type Kind int

// The kinds. An alias is the node that it stands for; see Node.Alias.
const (
	Scalar Kind = iota
	Mapping
	Sequence
)

// Style is how a scalar is written.
type Style int

// The styles.
const (
	Plain Style = iota
	Single
	Double
	Literal
	Folded
)

// Node is a value or a key of the file, with the place where it is written.
type Node struct {
	Span          // without anchor and tag, with quotes and brackets; for an alias, the alias
	Whole Span    // with anchor and tag
	Kind  Kind    // of an alias: that of what it stands for
	Text  string  // of a scalar, without quotes and escapes
	Style Style   // of a scalar
	Tag   string  // "!!str", "!!int", "!!null" …, or a tag of compose: "!reset", "!override"
	Flow  bool    // a collection in brackets
	Exact bool    // the bytes of Span were read again and are this node: they may be written over
	Alias *Node   // what an alias stands for; nil for all others
	Pairs []Pair  // of a mapping, as they are written: with repeated keys and <<
	Items []*Node // of a sequence

	literal bool    // the text is in the source as it is
	fields  []Field // of a mapping, with what << brings; see File.Fields
	merged  state
}

// Pair is a key and its value in a mapping.
type Pair struct{ Key, Value *Node }

// Field is a key that counts in a mapping, with its value.
type Field struct {
	Pair
	Inherited bool // from << or an alias: it is written elsewhere
}

// state says how far the fields of a mapping have been put together.
type state int

const (
	unmerged state = iota
	merging
	merged
)

// Target returns what an alias stands for, and any other node itself.
func (n *Node) Target() *Node {
	if n != nil && n.Alias != nil {
		return n.Alias
	}
	return n
}

// Null says that the value is empty, null or ~.
func (n *Node) Null() bool { return n != nil && n.Kind == Scalar && n.Tag == "!!null" }

// Reset says that the value takes away or replaces what another file says
// (docs.docker.com/reference/compose-file/merge).
func (n *Node) Reset() bool { return n != nil && (n.Tag == "!reset" || n.Tag == "!override") }

// Lookup returns the value that is written in the mapping for a key, without
// what << brings.
func (n *Node) Lookup(key string) *Node {
	if n == nil {
		return nil
	}
	for _, p := range n.Pairs {
		if p.Key.Text == key {
			return p.Value
		}
	}
	return nil
}
