package compose

import "strings"

// Mount is an entry of volumes.
type Mount struct {
	Node        *Node
	Long        bool   // a mapping
	Known       bool   // there are no variables in it
	Type        string // bind, volume, tmpfs …
	Source      string // folder of the host, or name of a volume; empty for an anonymous one
	Target      string
	ReadOnly    bool
	Propagation string   // of a bind: rprivate, shared …; empty when it is not said
	Options     []string // behind the second colon of the short form
	Inherited   bool

	SourceAt Span // the whole entry when the place is not clear
}

func readMounts(f *File, field Field) []Mount {
	n := field.Value.Target()
	inherited := field.Inherited || field.Value.Alias != nil
	var out []Mount
	for _, item := range n.Items {
		m := Mount{Node: item, Inherited: inherited || item.Alias != nil, SourceAt: item.Span}
		if item.Target().Kind == Mapping {
			m.long(f)
		} else {
			m.short()
		}
		out = append(out, m)
	}
	return out
}

func (m *Mount) long(f *File) {
	m.Long, m.Known = true, true
	for _, field := range f.Fields(m.Node) {
		if field.Value.Target().Kind != Scalar {
			continue
		}
		text, known := field.Value.Constant()
		m.Known = m.Known && known
		switch field.Key.Text {
		case "type":
			m.Type = text
		case "source":
			m.Source, m.SourceAt = text, field.Value.Span
		case "target":
			m.Target = text
		case "read_only":
			m.ReadOnly = text == "true"
		}
	}
	if p := f.Value(f.Value(m.Node, "bind"), "propagation"); p != nil {
		m.Propagation, _ = p.Constant()
	}
}

// short reads [SOURCE:]TARGET[:OPTIONS]. A source with a slash or a dot at its
// beginning is a folder of the host; so is one of a Windows drive.
func (m *Mount) short() {
	text, known := m.Node.Constant()
	m.Known = known
	if !known {
		return
	}
	parts := splitMount(text)
	if len(parts) == 1 {
		m.Type, m.Target = "volume", parts[0]
		return
	}
	m.Source, m.Target = parts[0], parts[1]
	m.SourceAt = m.Node.Part(0, len(m.Source))
	m.Type = "volume"
	if IsPath(m.Source) {
		m.Type = "bind"
	}
	for _, options := range parts[2:] {
		m.Options = append(m.Options, strings.Split(options, ",")...)
	}
	for _, o := range m.Options {
		switch o {
		case "ro":
			m.ReadOnly = true
		case "shared", "rshared", "slave", "rslave", "private", "rprivate":
			m.Propagation = o
		}
	}
}

// IsPath says that a mount's source is a path of the host and not the name of a
// volume.
func IsPath(source string) bool {
	return strings.HasPrefix(source, "/") || strings.HasPrefix(source, ".") || strings.HasPrefix(source, "~") || isDrive(source)
}

func isDrive(s string) bool {
	return len(s) > 2 && 'a' <= s[0]|0x20 && s[0]|0x20 <= 'z' && s[1] == ':' && (s[2] == '\\' || s[2] == '/')
}

func splitMount(text string) []string {
	if !isDrive(text) {
		return strings.Split(text, ":")
	}
	parts := strings.Split(text[2:], ":")
	parts[0] = text[:2] + parts[0]
	return parts
}
