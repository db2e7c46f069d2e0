package compose

import "strings"

// Assignments reads a list of NAME=value or a mapping of names to values.
func (f *File) Assignments(field Field) []Assignment {
	n := field.Value.Target()
	inherited := field.Inherited || field.Value != nil && field.Value.Alias != nil
	var out []Assignment
	if n == nil {
		return nil
	}
	for _, item := range n.Items {
		a := assignment(item)
		a.Inherited = inherited
		out = append(out, a)
	}
	for _, pair := range f.Fields(n) {
		value := pair.Value.Target()
		out = append(out, Assignment{
			Name: pair.Key.Text, Text: value.Text, Given: !value.Null() && value.Kind == Scalar, Pair: true,
			Node: pair.Value, Key: pair.Key, At: pair.Value.Span, Inherited: inherited || pair.Inherited,
		})
	}
	return out
}

func assignment(item *Node) Assignment {
	name, text, given := strings.Cut(item.Text, "=")
	return Assignment{Name: name, Text: text, Given: given, Node: item, Key: item, At: item.Part(len(name)+1, len(item.Text))}
}

// Part returns where the bytes of a scalar's text from one offset to another
// stand, when they stand there as they are; otherwise the whole node.
func (n *Node) Part(from, to int) Span {
	start := n.Start
	if n.Style == Single || n.Style == Double {
		start++
	}
	if !n.Literally() || from > to || start+to > n.End {
		return n.Span
	}
	return Span{start + from, start + to}
}

// Literally says that the text of a scalar stands in the source as it is,
// between quotes or without.
func (n *Node) Literally() bool { return n.literal }

// Constant returns the text of a scalar when it is the same in every
// environment: it has no variables in it. "$$" is a dollar sign
// (docs.docker.com/reference/compose-file/interpolation).
func (n *Node) Constant() (string, bool) {
	n = n.Target()
	if n == nil || n.Kind != Scalar || n.Reset() {
		return "", false
	}
	return Constant(n.Text)
}

// Constant is Node.Constant for a text.
func Constant(text string) (string, bool) {
	if !strings.Contains(text, "$") {
		return text, !strings.Contains(text, "{{")
	}
	rest := strings.ReplaceAll(text, "$$", "")
	return strings.ReplaceAll(text, "$$", "$"), !strings.Contains(rest, "$") && !strings.Contains(text, "{{")
}
